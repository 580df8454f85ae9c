"""The sentences about mistakes in a workflow's document, one for each code.

A program that shows the sentence in another language uses the code and the values, as the console does: its locales
have `said.CODE` for each code here. A value is a text, a number or a list of names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Value = str | int | float | list[str]
Values = Mapping[str, Value]

NEAR = "near"
"""The value that names what the author perhaps meant; also the code of the sentence that then follows."""
KNOWN = ".known"
"""The end of the code of the sentence that follows if no similar name is known."""
_MOST_LISTED = 30

SENTENCES: Mapping[str, str] = {
    "near": "; did you mean '{near}'?",
    # about one field alone: the types of pydantic's errors, and our own
    "missing": "is required",
    "extra-forbidden": "unknown field '{name}'",
    "extra-forbidden.known": "; fields here: {known}",
    "string-type": "must be text, not {given}",
    "int-type": "must be a whole number, not {given}",
    "float-type": "must be a number, not {given}",
    "list-type": "must be a list, not {given}",
    "object-type": "must be an object, not {given}",
    "literal-error": "must be one of {known}, not {given}",
    "greater-than": "must be more than {limit:g}, not {given}",
    "greater-than-equal": "must be {limit:g} or more, not {given}",
    "less-than": "must be less than {limit:,}, not {given}",
    "less-than-equal": "must be {limit:,} or less, not {given}",
    "too-short": "must hold at least {limit}",
    "too-long": "must hold at most {limit}, not {count}",
    "string-too-long": "must be at most {limit} characters long",
    "string-too-short": "must be at least {limit} characters long",
    "string-empty": "must not be empty",
    "slug": "must be 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit",
    "parameter-name": "must be 1 to 64 letters, digits and _, not starting with a digit",
    "signal-name": "must be 1 to 48 letters, digits, _ and -, starting with a letter or digit",
    "file-name": 'must be the name of a file beside the workflow, such as "factor.py" or "data/a.csv"',
    "function-name": "must be the name of a function, such as run",
    "title": "must be one line of printable text",
    "given-twice": "'{name}' is given twice",
    "size": 'must be a size: a whole number of bytes or text such as "256MiB" or "1GB"',
    "duration": 'must be a duration: a number of seconds or text such as "10m", "1h30m" or "3d"',
    "tolerance": 'must be a count such as 3, or a percentage from "0%" to "100%"',
    "not-splittable": "cannot be split into arguments: {why}; give a list instead",
    "command": 'must be a command: text such as "python3 run.py {{part}}", or a list of arguments',
    "argument-nul": "an argument cannot hold the character NUL",
    "two-sources": "give either file or source, not both",
    "no-source": "give either file (the name of a Python file) or source (Python text)",
    "longer-than-whole": "must not be longer than schedule_to_close, which is {limit:g} seconds",
    "step-zero": "step must not be 0",
    "range-size": "must hold 1 to {limit:,} numbers, not {count:,}; a wider step makes fewer",
    "items-per-subtask": 'must be "auto" or a whole number, 1 or more',
    "split-files": 'must be a list of file names, or a pattern such as "data/*.csv"',
    "grid-size": "must have at most {limit:,} combinations, not {count:,}",
    "not-one-of": "give exactly one of {known}, not {given:and}",
    "table-columns": "the columns of a table must be a list of names",
    "aggregate": "must be one of {known}, or {{concat: lines}}, or {{table: {{columns: [...]}}}}",
    "nothing-to-aggregate": "only a task with a split has results to aggregate; add a split or leave this out",
    "nothing-to-parse": ("only a command's output is parsed; a Python function's return value is the result as it is"),
    "bytes-aggregate": (
        "bytes can only be collected in a list or joined with concat; to compute with the output, parse it as json, "
        "lines or csv"
    ),
    "file-encoding": (
        "'{name}' is not UTF-8 (byte {byte} at offset {offset}); it looks like {encoding}: "
        "convert it with iconv -f {iconv} -t UTF-8"
    ),
    "file-no-text": "'{name}' is not text in UTF-8 (byte {byte} at offset {offset}); it looks like {form}",
    "file-not-utf8": "'{name}' is not text in UTF-8 (byte {byte} at offset {offset})",
    "only-workflow-task": (
        "only a workflow task starts a run that can be cancelled or abandoned; leave it out of a {kind} task"
    ),
    "no-parameters": "a {kind} task runs nothing that could take parameters; leave them out",
    "field-of-child": ("only a command or python task has '{name}'; set it in the workflow that this task runs"),
    "field-of-volunteers": (
        "only a command or python task has '{name}'; a {kind} task does not run on volunteers, so leave it out"
    ),
    # about several tasks and files together
    "ambiguous-input": ("'{name}' is also the name of an input, so {{{name}}} would be ambiguous; rename one of them"),
    "ambiguous-parameter": "'{name}' is also a parameter of this task; rename one of them",
    "no-file": "the file '{name}' is not attached to the workflow",
    "task-name-taken": "'{name}' is already the name of {place}; each task needs its own",
    "no-task": "there is no task '{name}'",
    "no-task.known": "; tasks here: {known}",
    "cleanup-no-task": "there is no task '{name}'",
    "cleanup-alone": "a workflow needs at least one task besides the one that cleans up",
    "cleanup-kind": "only a command or python task can clean up, not a {kind} task",
    "cleanup-dependencies": (
        "the task that cleans up runs whenever its run is cancelled, so it cannot have dependencies"
    ),
    "depends-on-cleanup": "'{name}' runs only when the run is cancelled; no task can depend on it",
    "depends-on-itself": "'{name}' depends on itself",
    "circular": "circular dependency: {way} (each depends on the next)",
    "no-lines": "'{name}' is neither an input nor a file",
    "no-lines.known": "; there are: {known}",
    "matches-nothing": "no file or input of the workflow matches '{pattern}'; there are: {known}",
    "not-a-dependency": "{{{name}}} is used here, so '{task}' must be one of this task's dependencies",
    "names-nothing": "{{{name}}} does not refer to anything",
    "names-nothing.known": "; here it could refer to: {known}",
    "no-parameter": "the workflow has no parameter '{name}'",
    "no-parameter.known": "; its parameters: {known}",
    "parameter-text": "must be text, as its default is, not {given}",
    "parameter-number": "must be a number, as its default is, not {given}",
    "parameter-truth": "must be true or false, as its default is, not {given}",
    "parameter-list": "must be a list, as its default is, not {given}",
    "parameter-object": "must be an object, as its default is, not {given}",
    "no-scalar": (
        "'{name}' is {given}: only text, numbers, true, false and null can be filled into longer text; "
        "make it an argument or a value of its own"
    ),
    "same-key": "two keys here become '{name}' when their placeholders are filled in",
    "too-many-items": "has {given} items, but at most {name} are allowed",
    "name-in-program": (
        "'{name}' is in braces in the program text of {program}, where braces belong to the program; pass it as an "
        "argument after the program, or write {{{{{name}}}}} if you mean the text {{{name}}}"
    ),
    "not-filled": "placeholders are not filled in here, so {{{name}}} would stay as it is",
    "files-clash": "'{name}' cannot be a file, because '{other}' is a file in a folder of that name",
    "bytes-no-value": (
        "the result '{name}' is bytes, which a task gets as a file, not as a value; let a command or a function read it"
    ),
    "file-of-result": "'{name}' is the name under which this task gets the result of '{task}'; rename the file",
    "file-part-too-long": "'{name}' contains a name of more than {limit} bytes, which no file system allows",
    "too-many-files": "this task's folder would hold {count} files; at most {limit} are allowed",
    "arguments-too-long": (
        "the arguments of a subtask would have {size:,} bytes, but Linux allows only {limit:,}; give a subtask fewer "
        "items, or pass the items as a file"
    ),
    "argument-too-long": "an argument would have {size:,} bytes, but Linux allows only {limit:,}; pass it as a file",
    "language": "must be a number from 1 to {limit}, not {given}: this service knows no other version of the language",
    # warnings: the author probably means something else
    "limit-raised": "is raised to {limit}: programs do not start with less",
    "stays-as-it-is": "{{{name}}} does not refer to anything and stays as it is",
    "stays-as-it-is.known": "; here it could refer to: {known}",
    "shell-form": "{written} stays as it is, because no shell reads it; the placeholder is {{{name}}}",
    "no-shell": (
        "no shell runs the command, so {written} is an argument like any other; "
        'for a shell write ["sh", "-c", "..."], or quote it if that is what you mean'
    ),
    "more-than-a-name": (
        "{written} stays as it is: only braces around a name alone are filled in, as in {{{name}}}; let the program do "
        "the rest"
    ),
    "doubled-braces": (
        "doubled braces mean literal braces: {written} becomes {{{name}}}; write single braces for a placeholder"
    ),
    "spaces-in-braces": "{name} is not filled in because of the spaces; the placeholder is {{{name}}}",
    "files-alike": "'{name}' and '{other}' are the same file on systems that ignore case or accents in names",
    # about documents that cannot be read at all
    "document-too-large": "the document must have at most {limit} bytes; put large inputs in files",
    "yaml-too-large": "YAML must have at most {limit} bytes; write it as JSON, or put large inputs in files",
    "no-workflow": "a workflow must be an object with the fields name and tasks",
    "too-deep": "must not be nested deeper than {limit}",
    "too-deep-at": "line {line}: must not be nested deeper than {limit}",
    "key-type": "every key must be text, not {given}; put it in quotes",
    "broken-text": "must be text that can be written in UTF-8",
    "not-finite": "must be a finite number, not {given}",
    "number-too-large": "must be at most {limit}; write longer numbers as text",
    "too-many-digits": "must have at most {limit} digits; write longer numbers as text",
    "value-type": "must be text, a number, true, false, null, a list or an object, not {given}",
    "key-twice": "the key {name} is given twice in one object",
    "not-yaml": "this is neither YAML nor JSON: {why}",
    "not-yaml-at": "line {line}, column {column}: {why}",
    "yaml-alias": (
        "line {line}: anchors and aliases (& and *) are not allowed; write the value out, or quote the text"
    ),
    "yaml-tag": "line {line}: tags ({tag}) are not allowed; use plain values",
    "yaml-version": "line {line}: only YAML 1.2 is read; leave the %YAML line out",
    "yaml-next-line": "line {line} has the character U+0085; write it as \\x85 in double quotes, or remove it",
    "yaml-second": "line {line}: a file holds one workflow; '---' starts a second document",
    # warnings: the value may mean something else than YAML reads
    "zeros-lost": "{written} is read as the number {value}; if it is a name, a version or a code, put it in quotes",
    "digits-lost": (
        "{written} is read as the number {value} and loses digits; if you need all of them, write it as text, in quotes"
    ),
    "exponent-read": "{written} is read as the number {value}; if it is a name or a code, put it in quotes",
    "beyond-doubles": (
        "{written} is kept exactly, but a program that reads it as a floating-point number loses digits; "
        "if it is a name or a code, put it in quotes"
    ),
    "word-no-truth": "{written} is text; write true or false for a truth value",
    # WfFormat
    "wfformat-version": "must be {known:or}, not {given}",
    "too-many-tasks": "must have at most {limit} tasks, not {count}",
    "id-taken": "'{name}' is already the id of another task",
    "no-such-id": "there is no task '{name}'",
    "no-such-id.known": "; tasks: {known}",
    "not-executed": "workflow.execution has no entry for '{name}': it must give its runtime",
    "no-program": "the recording has no program for this task; import without commands to get a placeholder task",
}


class _Names(list[str]):
    """Names as a sentence lists them, shortened when there are very many; `and` and `or` go between all of them."""

    def __format__(self, spec: str) -> str:
        if spec:
            return f" {spec} ".join(self) or "none"
        more = f" and {len(self) - _MOST_LISTED} more" if len(self) > _MOST_LISTED else ""
        return ", ".join(self[:_MOST_LISTED]) + more or "none"


def sentence(code: str, values: Values) -> str:
    """Return what a code says in English. Raises KeyError if there is no such code, or if it lacks a value."""
    told: dict[str, Any] = {name: _Names(value) if isinstance(value, list) else value for name, value in values.items()}
    text = SENTENCES[code].format_map(told)
    if NEAR in values:
        return text + SENTENCES[NEAR].format_map(told)
    return text + SENTENCES.get(code + KNOWN, "").format_map(told) if values.get("known") else text


def shortened(values: Values) -> dict[str, Value]:
    """Return the values for an answer: of a list as many as the sentence names, and how many more there are."""
    return {
        name: [*value[:_MOST_LISTED], f"… (+{len(value) - _MOST_LISTED})"]
        if isinstance(value, list) and len(value) > _MOST_LISTED
        else value
        for name, value in values.items()
    }
