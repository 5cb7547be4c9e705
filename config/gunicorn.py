"""How gunicorn serves the web application: threads, since a request mostly waits for the database.

The access log names the path without its query string, because what a person searched for can be a patient.
"""

import os

bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
worker_class = "gthread"
# An upload of a large registry may take a while to arrive; everything longer is a task.
timeout = 120
graceful_timeout = 30
keepalive = 5
# No socket for controlling gunicorn in somebody's home folder: signals are enough.
control_socket_disable = True
accesslog = "-"
# %(U)s is the path alone; addresses and referrers are left to the proxy's own log.
access_log_format = "%(m)s %(U)s %(s)s %(M)sms"
# The format of every other line: it escapes what a client may have put into a path.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
