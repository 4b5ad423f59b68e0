"""How the scripts of a conversion begin, and how they write JSON."""

from __future__ import annotations

DUMP = """
with open(TARGET, "w", encoding="utf-8") as out:
    json.dump(result, out, indent=2, ensure_ascii=False)
"""


def script_head(source: str, target: str, imports: str) -> str:
    """Imports, constants and the reading of `source` into `text`."""
    modules = "\n".join(f"import {name}" for name in sorted(imports.split()))
    return (
        f'{modules}\n\nSOURCE = "{source}"\nTARGET = "{target}"\n\n'
        'with open(SOURCE, encoding="utf-8") as handle:\n    text = handle.read()\n'
    )
