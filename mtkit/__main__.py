"""The command `mtkit`, and `python -m mtkit`: hears signals before what a command needs is there."""

from mtkit.jobs.signals import raised

raised()


def main() -> None:
    """Run a command."""
    from mtkit.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
