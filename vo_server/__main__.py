"""Run the command line with `python -m vo_server`."""

from vo_server.cli import main

main()
