"""DMP-1: what a process leaves when it crashes, as the system tells it."""

import subprocess
import sys

import pytest

_ASKED = """
import ctypes, resource
from typer.testing import CliRunner
from fedstyle_secure.cli.{module} import {module}_app
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
CliRunner().invoke({module}_app, ["{command}", "--no-such-option"])
print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system cannot be asked")
@pytest.mark.parametrize(("module", "command"), [("artist", "run"), ("platform", "serve")])
def test_dmp1_a_program_that_holds_keys_leaves_no_dump(module, command):
    code = _ASKED.format(module=module, command=command)
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert asked.stdout.split() == ["0", "0"]
