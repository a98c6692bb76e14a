"""Flask-Admin frames the cards of the jobs and the page of a run."""

from __future__ import annotations

from flask import Flask
from flask_admin import Admin, BaseView, expose


class JobsView(BaseView):
    """The entry *Jobs* of the menu."""

    @expose("/")
    def index(self) -> str:
        page: str = self.render("admin_jobs.html")
        return page

    @expose("/<key>/<int:run_id>")
    def run(self, key: str, run_id: int) -> str:
        page: str = self.render("admin_run.html", key=key, run_id=run_id)
        return page


def init_app(app: Flask) -> None:
    """Add the admin pages to the app."""
    admin = Admin(app, name="Shop")
    admin.add_view(JobsView(name="Jobs", endpoint="admin_jobs"))
