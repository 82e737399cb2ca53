"""Small read-only answers: system status (for connection tests) and the warehouses."""

from ..messages import Response, no_route
from ..settings import WAREHOUSES


class ReadOnly:
    def __init__(self, app):
        self.app = app

    def serve(self, request, parts, parent=None):
        if parts or request.method not in ("GET", "HEAD"):
            raise no_route()
        return Response.of(self.read())


class SystemStatus(ReadOnly):
    def read(self):
        settings = self.app.settings
        return {
            "environment": {
                "home_url": settings.site_url, "site_url": settings.site_url, "version": "9.4.0",
                "wp_version": "6.7", "language": "en_US", "server_info": "integration-flow-sandbox",
                "default_timezone": "UTC", "remote_post_successful": True, "remote_get_successful": True,
            },
            "database": {"wc_database_version": "9.4.0", "database_prefix": "wp_"},
            "active_plugins": [],
            "theme": {"name": "Sandbox", "version": "1.0"},
            "settings": {
                "api_enabled": True, "force_ssl": False, "currency": settings.currency,
                "currency_symbol": "&euro;",
                "currency_position": "right_space", "thousand_separator": ".", "decimal_separator": ",",
                "number_of_decimals": 2, "geolocation_enabled": False,
            },
            "security": {"secure_connection": False, "hide_errors": True},
            "pages": [],
        }  # fmt: skip


class Warehouses(ReadOnly):
    def read(self):
        return [{"code": code, "name": f"{code.capitalize()} warehouse"} for code in WAREHOUSES]
