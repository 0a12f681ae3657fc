"""The AsyncAPI document, as the specification's own parser reads it."""

import json
from pathlib import Path

from pakn.contracts import files
from tests.support.node_packages import MANIFEST, NodePackages


def test_the_parser_of_asyncapi_finds_nothing_wrong(node_packages: NodePackages, tmp_path: Path) -> None:
    """Numbers of the topics' configuration once stood as text. The parser's silence counts, since it finds such a fault."""
    ours = files.FOLDER / "asyncapi.json"
    wrong = json.loads(ours.read_text())
    wrong["channels"]["feedback"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] = "-1"
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    of_ours, of_wrong = json.loads(node_packages.run(MANIFEST / "parse_asyncapi.mjs", tmp_path, ours, tmp_path / "wrong.json"))
    assert of_ours == []
    assert "retention.ms" in " ".join(of_wrong)
