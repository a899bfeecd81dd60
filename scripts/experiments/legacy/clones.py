"""The clones of public repositories, and programs that run in copies of them."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, Optional, Tuple

from scripts.lib.arguments import existing_folder, path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of all scripts that use the clones."""
    parser.add_argument('--code_dir', type=path, required=True, help='folder of the clones')
    parser.add_argument('--clone', action='store_true', help='clone the repositories that are missing')
    parser.add_argument('--data_dir', type=existing_folder, required=True, help='folder of MNIST')


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
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns('.git'))


def run(command: List[str], folder: str, environment: Dict[str, str], seconds: float) -> Tuple[Optional[int], str]:
    """(exit status, output); the status is None if the time limit ended the program."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = None
        output.seek(0)
        return status, output.read().decode('utf-8', 'replace')
