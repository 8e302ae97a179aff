"""`python -m unalike` is the command `unalike`."""

from unalike.cli.main import main

if __name__ == "__main__":
    main()
