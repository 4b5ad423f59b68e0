"""`python -m kappa_data` is the command `kappa-data`."""

from kappa_data.cli import main

main()
