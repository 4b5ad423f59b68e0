"""The house itself: imports go one way, nothing heavy at start, schemas are current."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import kappa_data
from kappa_data import schemas

ROOT = Path(kappa_data.__file__).parent
REPO = Path(__file__).parents[1]
# What may import what: a module may import from its own layer or a lower one.
LAYERS = (
    {"errors", "records", "printable", "normal_form", "toml_text"},
    {
        "config", "config_layers", "config_plan", "config_report", "config_sandbox", "resources",
        "arrow", "progress", "engine", "disk", "store", "stage", "remembered", "open_files",
    },
    {
        "personas", "tasks", "teacher", "sandbox", "formats", "writers", "checks", "validation",
        "importing", "conversation", "packing", "metrics", "near_duplicates", "shingling",
        "judge_result", "contamination", "voice_likeness", "strict_json", "show", "replay",
        "report_page",
    },
    {"stages"},
    {"recipe", "schemas", "verify", "verify_release", "dataset", "packed_files", "trainers"},
    {"top_up"},
    {
        "session", "browse", "terminal", "publishing", "tool_list", "prompt_pages",
        "replay_sources", "replay_report", "report_view", "journal_report", "projection", "dry_run",
        "dry_run_report", "explain", "explain_report", "task_check", "task_views", "task_writing",
        "judging", "exporting", "export",
    },
    {
        "options", "sandbox_flags", "building", "journal_command", "machine_commands",
        "tasks_command", "report_command", "judge_command", "export_command", "push_command",
        "cli", "__main__",
    },
)  # fmt: skip
HEAVY = {
    "pyarrow",
    "numpy",
    "datasets",
    "openai",
    "jinja2",
    "aiohttp",
    "huggingface_hub",
    "sklearn",
    "matplotlib",
}


def layer_of(module: str) -> int:
    top = module.split(".")[1] if "." in module else "errors"
    for number, names in enumerate(LAYERS):
        if top in names:
            return number
    raise AssertionError(f"{module}: give it a place in LAYERS")


def imports_of(path: Path) -> set[str]:
    """kappa_data modules that a file imports when it is loaded or run, but not for types only."""
    found = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith("kappa_data")
        ):
            if node.module == "kappa_data":
                found |= {f"kappa_data.{each.name}" for each in node.names}
            else:
                found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names if each.name.startswith("kappa_data.")}
    return found


def test_imports_go_one_way():
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT.parent).with_suffix("")
        module = ".".join(relative.parts).removesuffix(".__init__")
        if module == "kappa_data":
            assert not imports_of(path), "importing the package does nothing"
            continue
        wrong += [
            f"{module} imports {name}"
            for name in imports_of(path)
            if layer_of(name) > layer_of(module)
        ]
    assert not wrong


def test_help_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['kappa-data', '--help']\n"
        "from kappa_data.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_schemas_are_current(tmp_path):
    written = {path.name: path.read_text() for path in schemas.write(tmp_path)}
    shipped = {path.name: path.read_text() for path in (REPO / "schemas").glob("*.json")}
    assert written == {name: text for name, text in shipped.items() if name in written}, (
        "run `kappa-data schemas schemas`"
    )


def test_no_file_speaks_of_another_place():
    """No path of a developer's machine, no host of a registry."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=REPO, capture_output=True, text=True, check=False
    ).stdout.split()
    words = ["/" + "work/", "/" + "root/", "npm" + "js.org", "files.python" + "hosted.org"]
    wrong = [
        f"{name}: {word}"
        for name in listed
        if (REPO / name).suffix in {".py", ".md", ".toml", ".j2", ".sh", ""}
        and (REPO / name).is_file()
        for word in words
        if word in (REPO / name).read_text(errors="replace")
    ]
    assert not wrong
