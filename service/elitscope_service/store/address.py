"""Where the store is: the Redis that the configuration names, with its password, or the embedded one of the data folder."""

from __future__ import annotations

from elitscope_service.config import ConfigInvalid, ServerConfig
from elitscope_service.store.connect import with_password
from elitscope_service.store.embedded import embedded_url


def store_url(config: ServerConfig) -> str:
    """What to give to `open_store`. Not to be logged: it may hold a password.

    Raises:
        ConfigInvalid: the password's file can't be read.
    """
    if config.redis_url is None:
        return embedded_url(config.data_dir)
    try:
        return with_password(config.redis_url, config.redis_password_file)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"redis_password_file {str(config.redis_password_file)!r} can't be read: {error}") from error
