import logging
import os
from pathlib import Path

import helper
from azureml_user.parallel_run import EntryScript


def init():
    pass


def run(mini_batch):
    logging.info("not seen")
    logging.warning("seen by root")
    EntryScript().logger.warning("seen by %s", EntryScript().agent_name)
    Path("here").touch()
    return [os.environ["COLOUR"], helper.NAME, __name__, Path(__file__).name, Path(EntryScript().log_dir).parts[-3:]]
