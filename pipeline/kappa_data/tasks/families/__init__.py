"""One file a task family: NAME, GROUP, TOOLS, PROGRAMS, SEEDS and `make(seed) -> Task`.

Optional: TOGETHER (so many neighbouring seeds belong together) and `make_from(seed, material)`, the
same about a user's own material. A module whose name starts with an underscore is no family.
"""
