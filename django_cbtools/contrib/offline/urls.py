from django.urls import path

from . import views

app_name = "offline"
urlpatterns = [
    path("<str:name>/worker.js", views.WorkerView.as_view(), name="worker"),
    path("<str:name>/files.json", views.FilesView.as_view(), name="files"),
    path("<str:name>/app.webmanifest", views.WebAppView.as_view(), name="webapp"),
]
