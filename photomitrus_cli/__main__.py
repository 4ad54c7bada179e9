"""``python -m photomitrus_cli`` is ``astromap``."""

from photomitrus_cli.cli import main

if __name__ == "__main__":
    main()
