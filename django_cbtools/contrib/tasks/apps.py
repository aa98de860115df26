from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "django_cbtools.contrib.tasks"
    label = "cb_tasks"
    verbose_name = "Tasks in documents"
    default = True

    def ready(self) -> None:
        from . import checks  # noqa: F401  (they register themselves)
