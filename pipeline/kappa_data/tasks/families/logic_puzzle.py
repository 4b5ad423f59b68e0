"""Logic puzzles with one solution: orderings, liars, grids, timetables, truth tables, weighings."""
