"""Workflows in WfFormat with the shapes of nine recorded applications: how their tasks branch, join and chain.

The shapes follow the published descriptions of the applications (Juve et al. 2013, Future Generation Computer Systems
29; WfCommons); runtimes are drawn from a generator seeded by the name, so each is the same every time.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]


class _Graph:
    def __init__(self, name: str) -> None:
        self.random = random.Random(name)
        self.tasks: list[dict[str, Any]] = []

    def add(self, kind: str, seconds: float, *parents: str) -> str:
        id_ = f"{kind}_{len(self.tasks):08d}"
        runtime = round(self.random.lognormvariate(0, 0.5) * seconds, 3)
        self.tasks.append({"id": id_, "kind": kind, "parents": list(dict.fromkeys(parents)), "runtime": runtime})
        return id_

    def many(self, count: int, kind: str, seconds: float, *parents: str) -> list[str]:
        return [self.add(kind, seconds, *parents) for _ in range(count)]


def blast(graph: _Graph, size: int) -> None:
    split = graph.add("split_fasta", 2)
    searches = graph.many(size - 3, "blastall", 60, split)
    graph.add("cat_blast", 5, *searches)
    graph.add("cat", 2, *searches)


def bwa(graph: _Graph, size: int) -> None:
    reference, reads = graph.add("bwa_index", 20), graph.add("fastq_reduce", 10)
    aligned = graph.many(size - 4, "bwa", 30, reference, reads)
    graph.add("cat_bwa", 8, *aligned)
    graph.add("cat", 2, *aligned)


def cycles(graph: _Graph, size: int) -> None:
    summaries: list[str] = []
    for _ in range((size - 1) // 5):
        baseline = graph.add("baseline_cycles", 20)
        cycle = graph.add("cycles", 20, baseline)
        increase = graph.add("fertilizer_increase_cycles", 20, baseline)
        summaries.append(graph.add("cycles_fertilizer_increase_output_parser", 3, cycle, increase))
        summaries.append(graph.add("cycles_output_summary", 2, cycle))
    graph.add("cycles_plots", 30, *summaries)


def epigenomics(graph: _Graph, size: int) -> None:
    lanes = 4
    merged = []
    for _ in range(lanes):
        split = graph.add("fastqSplit", 20)
        maps = []
        for _ in range((size - 3 - 2 * lanes) // lanes // 4):
            filtered = graph.add("filterContams", 3, split)
            sanger = graph.add("sol2sanger", 2, filtered)
            maps.append(graph.add("map", 100, graph.add("fast2bfq", 2, sanger)))
        merged.append(graph.add("mapMerge", 10, *maps))
    graph.add("pileup", 50, graph.add("chr21", 5, graph.add("mapMerge", 10, *merged)))


def genome(graph: _Graph, size: int) -> None:
    populations = 7
    for _ in range(size // 52):
        merged = graph.add("individuals_merge", 30, *graph.many(36, "individuals", 50))
        sifted = graph.add("sifting", 5)
        for _ in range(populations):
            graph.add("mutation_overlap", 20, merged, sifted)
            graph.add("frequency", 60, merged, sifted)


def montage(graph: _Graph, size: int) -> None:
    images = (size - 6) // 4
    projected = graph.many(images, "mProject", 15)
    differences = [
        graph.add("mDiffFit", 1, projected[at % images], projected[(at + 1 + at // images) % images])
        for at in range(2 * images)
    ]
    model = graph.add("mBgModel", 40, graph.add("mConcatFit", 10, *differences))
    backgrounds = [graph.add("mBackground", 2, model, image) for image in projected]
    added = graph.add("mAdd", 20, graph.add("mImgtbl", 3, *backgrounds))
    graph.add("mViewer", 5, graph.add("mShrink", 5, added))


def seismology(graph: _Graph, size: int) -> None:
    graph.add("wrapper_siftSTFByMisfit", 5, *graph.many(size - 1, "sG1IterDecon", 10))


def soykb(graph: _Graph, size: int) -> None:
    variants: list[str] = []
    for _ in range((size - 7) // 14):
        aligned = graph.add("alignment_to_reference", 60)
        realigned = graph.add("realign_target_creator", 20, graph.add("dedup", 5, graph.add("sort_sam", 5, aligned)))
        indels = graph.add("indel_realign", 20, realigned)
        variants += graph.many(9, "haplotype_caller", 40, indels)
    genotyped = graph.add("genotype_gvcfs", 60, graph.add("merge_gcvf", 60, *variants))
    for kind in ("snp", "indel"):
        graph.add(f"filtering_{kind}", 5, graph.add(f"select_variants_{kind}", 5, genotyped))
    graph.add("combine_variants", 5, *variants[:50])


def sra_search(graph: _Graph, size: int) -> None:
    reference = graph.add("bowtie2_build", 20)
    found = [graph.add("bowtie2", 60, reference, graph.add("fasterq_dump", 100)) for _ in range((size - 3) * 25 // 53)]
    merged = [graph.add("merge", 5, *found[at : at + 25]) for at in range(0, len(found), 25)]
    graph.add("merge", 5, *merged)


SHAPES: dict[str, Callable[[_Graph, int], None]] = {
    "blast": blast,
    "bwa": bwa,
    "cycles": cycles,
    "epigenomics": epigenomics,
    "1000genome": genome,
    "montage": montage,
    "seismology": seismology,
    "soykb": soykb,
    "srasearch": sra_search,
}


def recorded(name: str, size: int, version: str = "1.5") -> Document:
    """Return a workflow of about `size` tasks, at most that many, as a recording of the application would be."""
    graph = _Graph(name)
    SHAPES[name](graph, size)
    children: dict[str, list[str]] = {task["id"]: [] for task in graph.tasks}
    for task in graph.tasks:
        for parent in task["parents"]:
            children[parent].append(task["id"])
    specification: Document = {
        "tasks": [
            {
                "name": task["kind"],
                "id": task["id"],
                "parents": task["parents"],
                "children": children[task["id"]],
                "inputFiles": [f"{parent}.out" for parent in task["parents"]],
                "outputFiles": [f"{task['id']}.out"],
            }
            for task in graph.tasks
        ],
        "files": [{"id": f"{task['id']}.out", "sizeInBytes": 1000} for task in graph.tasks],
    }
    execution: Document = {
        "makespanInSeconds": max(task["runtime"] for task in graph.tasks),
        "executedAt": "2024-03-01T12:00:00Z",
        "tasks": [
            {
                "id": task["id"],
                "runtimeInSeconds": task["runtime"],
                "command": {"program": task["kind"], "arguments": ["--in", "x"]},
                "coreCount": 1,
                "memoryInBytes": 128 * 2**20,
                "machines": ["node-1"],
            }
            for task in graph.tasks
        ],
        "machines": [{"nodeName": "node-1"}],
    }
    if version == "1.6":
        specification["metrics"] = {"taskCount": len(graph.tasks)}
        execution["metrics"] = {"totalWorkInSeconds": sum(task["runtime"] for task in graph.tasks)}
    return {
        "name": f"{name}-{size}",
        "description": f"the shape of {name}",
        "createdAt": "2024-03-01T12:00:00Z",
        "schemaVersion": version,
        "workflow": {"specification": specification, "execution": execution},
    }
