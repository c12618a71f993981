"""A gateway alone, in a process of its own: it answers artists until whoever started it closes its standard input.

`python -m fedstyle_secure.platform.alone FOLDER` prints the port that it listens on. Nothing leads trainings here: who
started it writes into the same database.
"""

import sys
import threading
import time
from pathlib import Path

import uvicorn

from ..allocator import return_freed_memory
from ..dumps import forbid_dumps
from .logs import configure_logs
from .service import opened
from .serving import make_server
from .settings import PlatformFolder


def main() -> None:
    """Serve the platform in the folder that is named."""
    forbid_dumps()
    return_freed_memory()
    folder = PlatformFolder(Path(sys.argv[1]))
    with opened(folder) as service:
        configure_logs(service.settings.log_level)
        server = make_server(service.app, folder, service.settings)
        threading.Thread(target=_accompany, args=(server,), daemon=True).start()
        server.run()


def _accompany(server: uvicorn.Server) -> None:
    """Tell where it listens; end it with whoever started it, however that ended."""
    while not server.started:
        time.sleep(0.01)
    sys.stdout.write(f"{server.servers[0].sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    server.should_exit = True


if __name__ == "__main__":
    main()
