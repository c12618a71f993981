"""One process of a platform at work: it answers, and leads trainings whenever no other process does."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from ..allocator import return_freed_memory
from .coordinator.coordinator import Coordinator
from .logs import configure_logs, platform_logger
from .retention import Retention
from .service import Service, opened
from .serving import make_server
from .settings import PlatformFolder


def run(
    folder: PlatformFolder,
    *,
    tell: Callable[[str], None],
    beside: Callable[[Service], AbstractContextManager[object]],
) -> None:
    """Serve until a signal asks to end.

    Args:
        folder: The platform's.
        tell: Is told where it listens.
        beside: What else is there as long as the platform is: its operator's page.

    Raises:
        InputError: The platform cannot be opened.
        StorageError: Its database cannot be reached.
    """
    return_freed_memory()
    with opened(folder) as service:
        configure_logs(service.settings.log_level)
        log = platform_logger()
        leave = threading.Event()
        coordinator = Coordinator(
            service.database,
            service.signer,
            service.logbook,
            tell=log.info,
        )
        retention = Retention(service.database)
        threads = [threading.Thread(target=each.run, args=(leave,)) for each in (coordinator, retention)]
        server = make_server(service.app, folder, service.settings)
        tell(f"listening on {service.settings.listen}, for {service.settings.address}")
        for thread in threads:
            thread.start()
        try:
            with beside(service):
                server.run()
        finally:
            leave.set()
            for thread in threads:
                thread.join()
