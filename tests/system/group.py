"""Commands that train together, started as torchrun starts them, but from the process that has loaded all."""

import socket
from pathlib import Path

from tests.system.server import MTKIT, Piped
from tests.system.toy import ENVIRONMENT


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def launch(
    *folders: Path, arguments: tuple[str, ...] = (), each: tuple[tuple[str, ...], ...] = (), command: str = "train"
) -> list[Piped]:
    """One command in each of these folders; `each`: what only that of a rank is given."""
    size = str(len(folders))
    told = {"WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    own = each or ((),) * len(folders)
    return [
        Piped(
            MTKIT,
            [command, *arguments, *own[rank]],
            folder,
            ENVIRONMENT | told | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            120,
        )
        for rank, folder in enumerate(folders)
    ]


def ended(processes: list[Piped]) -> tuple[list[int], list[str]]:
    """Exit codes, and what each has told."""
    told = [process.stderr.read().decode() for process in processes]
    codes = [process.wait() for process in processes]
    for process in processes:
        process.close()
    return codes, told
