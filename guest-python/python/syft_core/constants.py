"""What SyftBox's client has where nothing else is said. Nothing of it is read in a sandbox."""

from pathlib import Path

DEFAULT_PORT = 8080
DEFAULT_SERVER_URL = "https://syftbox.openmined.org"
DEFAULT_CONFIG_DIR = Path("~/.syftbox")
DEFAULT_CONFIG_PATH = DEFAULT_CONFIG_DIR / "config.json"
DEFAULT_LOGS_DIR = DEFAULT_CONFIG_DIR / "logs"
DEFAULT_DATA_DIR = Path("~/SyftBox")
PERM_FILE = "syftperm.yaml"
REJECTED_FILE_SUFFIX = ".syftrejected"
SENDGRID_API_URL = "https://api.sendgrid.com/v3/mail/send"
DEFAULT_BENCHMARK_RUNS = 5
