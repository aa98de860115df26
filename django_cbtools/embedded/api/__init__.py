"""The REST API: what each path of both ports answers. It may use every room below it."""
