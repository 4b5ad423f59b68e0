"""One peer on the model server, in an environment of its own; prints its measures as JSON.

    PEER_PYTHON benchmarks/generation_peers.py distilabel ROWS.jsonl --port N --work FOLDER

A row has `system` and `user`, two texts for one request. Everything a peer writes goes below
FOLDER. Each is set to as many requests in flight as asked for and to no limit of rate; the rest is
as it comes. Telemetry is off: nothing but the model server is asked.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import time
from pathlib import Path
from typing import Any, NamedTuple

NO_LIMIT = 10**9
Row = dict[str, str]


class Asked(NamedTuple):
    """What a peer is told."""

    rows: list[Row]
    url: str
    model: str
    at_once: int
    work: Path


def cpu() -> float:
    """Seconds of CPU of this process and of its children that were waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def measures(before: float, started: float, answers: list[str | None]) -> dict[str, Any]:
    """What is printed; ValueError where an answer is missing."""
    wall = time.perf_counter() - started
    if any(not each for each in answers):
        raise ValueError(f"{sum(not each for each in answers)} of {len(answers)} have no answer")
    return {
        "start cpu": before,
        "work cpu": cpu() - before,
        "wall": wall,
        "requests": len(answers),
        "characters": sum(len(each or "") for each in answers),
    }


def distilabel(asked: Asked) -> dict[str, Any]:
    """One TextGeneration step; a batch of it is sent at once."""
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    data = [{"system_prompt": row["system"], "instruction": row["user"]} for row in asked.rows]
    before, started = cpu(), time.perf_counter()
    with Pipeline(name="benchmark", cache_dir=asked.work) as pipeline:
        load = LoadDataFromDicts(data=data, batch_size=asked.at_once)
        llm = OpenAILLM(model=asked.model, base_url=asked.url, api_key="none")
        load >> TextGeneration(llm=llm, input_batch_size=asked.at_once)
    made = pipeline.run(use_cache=False)["default"]["train"]
    return measures(before, started, list(made["generation"]))


def curator(asked: Asked) -> dict[str, Any]:
    """Its LLM with the openai backend; what it keeps in flight is its own choice."""
    os.environ["CURATOR_CACHE_DIR"] = str(asked.work)
    os.environ["OPENAI_API_KEY"] = "none"
    litellm = importlib.util.find_spec("litellm")  # has tiktoken's files, which it would fetch
    if litellm is not None and litellm.origin is not None:
        tokenizers = Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"
        os.environ["TIKTOKEN_CACHE_DIR"] = str(tokenizers)
    from bespokelabs import curator
    from datasets import Dataset

    class Ask(curator.LLM):
        def prompt(self, row: Row) -> list[dict[str, str]]:
            return [{"role": role, "content": row[role]} for role in ("system", "user")]

        def parse(self, row: Row, response: str) -> dict[str, str]:
            return {"answer": response}

    before, started = cpu(), time.perf_counter()
    llm = Ask(
        model_name=asked.model,
        backend="openai",
        backend_params={
            "base_url": asked.url,
            "max_requests_per_minute": NO_LIMIT,
            "max_tokens_per_minute": NO_LIMIT,
            "max_concurrent_requests": asked.at_once,
        },
    )
    made = llm(Dataset.from_list(asked.rows))
    table = getattr(made, "dataset", made)
    return measures(before, started, list(table["answer"]))


def data_designer(asked: Asked) -> dict[str, Any]:
    """One text column; its admission starts where it likes and may go up to `at_once`."""
    os.environ["DATA_DESIGNER_HOME"] = str(asked.work / "home")
    import data_designer.config as dd
    import pandas as pd
    from data_designer.interface import DataDesigner

    before, started = cpu(), time.perf_counter()
    provider = dd.ModelProvider(name="benchmark", endpoint=asked.url, api_key="none")
    model = dd.ModelConfig(
        alias="model",
        model=asked.model,
        provider="benchmark",
        skip_health_check=True,
        inference_parameters=dd.ChatCompletionInferenceParams(max_parallel_requests=asked.at_once),
    )
    designer = DataDesigner(artifact_path=asked.work, model_providers=[provider])
    designer.set_run_config(dd.RunConfig(buffer_size=len(asked.rows)))
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.with_seed_dataset(dd.DataFrameSeedSource(df=pd.DataFrame(asked.rows)))
    builder.add_column(
        dd.LLMTextColumnConfig(
            name="answer",
            model_alias="model",
            system_prompt="{{ system }}",
            prompt="{{ user }}",
        )
    )
    made = designer.create(builder, num_records=len(asked.rows), dataset_name="benchmark")
    return measures(before, started, list(made.load_dataset()["answer"]))


PEERS = {"distilabel": distilabel, "curator": curator, "data-designer": data_designer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="short@0.2")
    parser.add_argument("--at-once", type=int, default=256)
    parser.add_argument("--work", type=Path, required=True)
    chosen = parser.parse_args()
    rows = [json.loads(line) for line in chosen.rows.read_text().splitlines()]
    url = f"http://127.0.0.1:{chosen.port}/v1"
    asked = Asked(rows, url, chosen.model, chosen.at_once, chosen.work)
    figures = PEERS[chosen.peer](asked)
    print("\n" + json.dumps(figures))


if __name__ == "__main__":  # distilabel spawns processes that import this file
    main()
