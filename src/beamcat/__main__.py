"""`python -m beamcat` is the `beamcat` command."""

from beamcat.cli import main

if __name__ == "__main__":
    main()
