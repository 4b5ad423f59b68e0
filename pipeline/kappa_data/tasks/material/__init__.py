"""Material that several task families are made of: phrasing, domains, tables, puzzles."""
