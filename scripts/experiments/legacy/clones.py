"""The clones of public repositories, and programs that run in copies of them."""
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, Optional, Tuple

from dcgan_tf1.settings import fields
from scripts.lib.arguments import existing_folder

_SECONDS_TO_END = 30


@dataclasses.dataclass(frozen=True)
class ClonesArguments(fields.Settings):
    """Arguments of all scripts that use the clones."""

    code_dir: Optional[str] = fields.path(None, 'folder of the clones', required=True)
    clone: bool = fields.boolean(False, 'clone the repositories that are missing')
    data_dir: Optional[str] = existing_folder(None, 'folder of MNIST', required=True)


def repositories() -> List[Dict[str, Any]]:
    """The content of repositories.json."""
    with open(os.path.join(os.path.dirname(__file__), 'repositories.json'), encoding='utf-8') as file:
        return json.load(file)


def copy(repository: Dict[str, Any], target: str, code_dir: str, download: bool = False) -> None:
    """Copies a clone. Ends the process if it is missing.

    Args:
      repository: an entry of repositories.json.
      target: the folder to create.
      code_dir: has a clone of each repository, in OWNER/NAME.
      download: clone the repository from GitHub if it is missing.
    """
    folder = os.path.join(code_dir, repository['repository'])
    if not os.path.isdir(folder):
        if not download:
            sys.exit('error: %s is missing: clone it from https://github.com/%s, or use --clone'
                     % (folder, repository['repository']))
        subprocess.check_call(['git', 'clone', 'https://github.com/' + repository['repository'], folder])
        subprocess.check_call(['git', '-C', folder, 'checkout', '--quiet', repository['commit']])
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns('.git'), ignore_dangling_symlinks=True)


def run(command: List[str], folder: str, environment: Dict[str, str], seconds: float) -> Tuple[Optional[int], str]:
    """(exit status, output); the status is None if the time limit ended the program, as Ctrl-C would."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        output.seek(0)
        return status, output.read().decode('utf-8', 'replace')
