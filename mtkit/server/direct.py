"""What is asked most goes to its function at once, past a router and what a framework does for every request.

An answer is that of the application itself, which stays behind it and has the same functions.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

Answered = Callable[[Request, Exception], Awaitable[Response]]
METHOD = "POST"


class Direct:
    """An application of which some addresses are answered by their functions, which take a request and give a response.

    Args:
        app: what all else goes to; it has the same functions.
        routers: where they are.
        paths: that are asked with POST.
        answered: what is said of what goes wrong; as of the application.
    """

    def __init__(self, app: FastAPI, routers: Iterable[APIRouter], paths: Collection[str], answered: Answered) -> None:
        self.app, self.answered = app, answered
        every = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
        self.routes = {route.path: route for route in every if METHOD in (route.methods or ()) and route.path in paths}
        kinds = [kind for kind in app.exception_handlers if isinstance(kind, type)]
        self.expected = tuple(kind for kind in kinds if kind is not Exception)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self.routes.get(scope["path"]) if scope["type"] == "http" and scope["method"] == METHOD else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["app"], scope["route"] = self.app, route
        request = Request(scope, receive, send)
        try:
            response = await route.endpoint(request)
        except Exception as error:
            await (await self.answered(request, error))(scope, receive, send)
            if not isinstance(error, self.expected):
                raise  # a fault of ours: whoever runs the server is shown where
            return
        await response(scope, receive, send)
