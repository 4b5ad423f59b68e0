"""`python -m kappa_data` is the command `kappa-data`."""


def main() -> None:
    """Entry point of the command.

    Every worker process imports the file that was run: it must not run the command again, nor
    import what parses it.
    """
    from kappa_data import cli

    cli.main()


if __name__ == "__main__":
    main()
