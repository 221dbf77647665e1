"""The errors of SyftBox's client."""


class SyftBoxException(Exception):
    pass


class ClientConfigException(SyftBoxException):
    pass


class PermissionParsingError(Exception):
    pass
