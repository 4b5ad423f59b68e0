"""One file a task family: NAME, TOOLS, PROGRAMS, SEEDS and `make(seed) -> Task`.

A module whose name starts with an underscore is no family.
"""
