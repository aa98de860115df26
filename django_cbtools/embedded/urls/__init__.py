"""The gateway's ports as URLconfs: ``public`` may be mounted in a site, ``admin`` never."""
