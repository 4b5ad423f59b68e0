"""`python -m kappa_data` is the command `kappa-data`."""

from kappa_data.cli import main

if __name__ == "__main__":  # a worker process imports this file, and must not run the command
    main()
