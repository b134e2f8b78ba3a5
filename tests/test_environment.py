from __future__ import annotations

import json
from datetime import datetime

import torch

from goodfit.environment import describe_environment


def test_versions_machine_and_time_are_plain_data():
    found = describe_environment("cpu", 2)
    assert json.loads(json.dumps(found)) == found
    assert found["torch"].startswith(torch.__version__.partition("+")[0])
    assert (found["device"], found["threads"]) == ("cpu", 2)
    assert datetime.fromisoformat(found["created"]).tzinfo is not None
    assert describe_environment("cpu", None)["threads"] == torch.get_num_threads()
    assert "device_name" not in found
