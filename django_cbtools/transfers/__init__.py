"""Uploads and downloads of files by back ends that the settings name."""

from .api import prepare_upload, public_download_url, serve_file

__all__ = ["prepare_upload", "public_download_url", "serve_file"]
