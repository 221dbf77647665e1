"""What stands for `ssl`: encryption is the host's, which checks each certificate.

Clients set up contexts as ever. What they say of certificates has no effect: those that the
owner's machine trusts are trusted, and no others.
"""

import enum
import sys

from syft_guest.web.sockets import HttpSocket


class SSLError(OSError):
    library = reason = None


class SSLZeroReturnError(SSLError):
    pass


class SSLWantReadError(SSLError):
    pass


class SSLWantWriteError(SSLError):
    pass


class SSLSyscallError(SSLError):
    pass


class SSLEOFError(SSLError):
    pass


class SSLCertVerificationError(SSLError, ValueError):
    verify_code = 0
    verify_message = ""


CertificateError = SSLCertVerificationError
socket_error = OSError


class VerifyMode(enum.IntEnum):
    CERT_NONE = 0
    CERT_OPTIONAL = 1
    CERT_REQUIRED = 2


class TLSVersion(enum.IntEnum):
    MINIMUM_SUPPORTED = -2
    SSLv3 = 768
    TLSv1 = 769
    TLSv1_1 = 770
    TLSv1_2 = 771
    TLSv1_3 = 772
    MAXIMUM_SUPPORTED = -1


class VerifyFlags(enum.IntFlag):
    VERIFY_DEFAULT = 0
    VERIFY_CRL_CHECK_LEAF = 4
    VERIFY_CRL_CHECK_CHAIN = 12
    VERIFY_X509_STRICT = 32
    VERIFY_ALLOW_PROXY_CERTS = 64
    VERIFY_X509_TRUSTED_FIRST = 32768
    VERIFY_X509_PARTIAL_CHAIN = 524288


class Options(enum.IntFlag):
    OP_ALL = 0x80000050
    OP_NO_SSLv2 = 0
    OP_NO_SSLv3 = 1 << 25
    OP_NO_TLSv1 = 1 << 26
    OP_NO_TLSv1_1 = 1 << 28
    OP_NO_TLSv1_2 = 1 << 27
    OP_NO_TLSv1_3 = 1 << 29
    OP_CIPHER_SERVER_PREFERENCE = 1 << 22
    OP_SINGLE_DH_USE = 0
    OP_SINGLE_ECDH_USE = 0
    OP_NO_COMPRESSION = 1 << 17
    OP_NO_TICKET = 1 << 14
    OP_NO_RENEGOTIATION = 1 << 30
    OP_IGNORE_UNEXPECTED_EOF = 1 << 7
    OP_ENABLE_MIDDLEBOX_COMPAT = 1 << 20
    OP_LEGACY_SERVER_CONNECT = 1 << 2


class _SSLMethod(enum.IntEnum):
    PROTOCOL_TLS = 2
    PROTOCOL_SSLv23 = 2
    PROTOCOL_TLSv1 = 3
    PROTOCOL_TLSv1_1 = 4
    PROTOCOL_TLSv1_2 = 5
    PROTOCOL_TLS_CLIENT = 16
    PROTOCOL_TLS_SERVER = 17


class SSLErrorNumber(enum.IntEnum):
    SSL_ERROR_SSL = 1
    SSL_ERROR_WANT_READ = 2
    SSL_ERROR_WANT_WRITE = 3
    SSL_ERROR_SYSCALL = 5
    SSL_ERROR_ZERO_RETURN = 6
    SSL_ERROR_EOF = 8


class Purpose(enum.Enum):
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


for _enum in (VerifyMode, VerifyFlags, Options, _SSLMethod, SSLErrorNumber):
    globals().update(_enum.__members__)

HAS_SNI = HAS_ALPN = HAS_ECDH = HAS_TLSv1_2 = HAS_TLSv1_3 = True
HAS_NPN = HAS_SSLv2 = HAS_SSLv3 = HAS_TLSv1 = HAS_TLSv1_1 = HAS_PSK = False
HAS_NEVER_CHECK_COMMON_NAME = True
CHANNEL_BINDING_TYPES = []
# Clients refuse to work with versions that they take for old.
OPENSSL_VERSION = "OpenSSL 3.0.0 (stands for the TLS of syft-host)"
OPENSSL_VERSION_INFO = (3, 0, 0, 0, 0)
OPENSSL_VERSION_NUMBER = 0x30000000


class SSLSocket(HttpSocket):
    """A socket whose connection the host encrypts."""

    context = server_hostname = None
    server_side = False

    @property
    def _sslobj(self):
        return self

    def do_handshake(self, block=False):
        pass

    def version(self):
        return "TLSv1.3"

    def cipher(self):
        return None

    def compression(self):
        return None

    def selected_alpn_protocol(self):
        return "http/1.1"

    def selected_npn_protocol(self):
        return None

    def getpeercert(self, binary_form=False):
        # It was checked by the host, which alone has it.
        return b"" if binary_form else {}

    def get_channel_binding(self, cb_type="tls-unique"):
        return None

    def pending(self):
        return 0

    def unwrap(self):
        return self

    def read(self, size=1024, buffer=None):
        return self.recv(size) if buffer is None else self.recv_into(buffer, size)

    def write(self, data):
        return self.send(data)


class SSLObject:
    """There is no encryption apart from a connection."""


class MemoryBIO:
    """There is no encryption apart from a connection."""

    def __init__(self):
        raise NotImplementedError("the host encrypts connections, and nothing else")


class SSLSession:
    """The host keeps none."""


class SSLContext:
    """Settings of a client, which have no effect."""

    sslsocket_class = SSLSocket
    sslobject_class = SSLObject

    def __init__(self, protocol=None):
        self.protocol = _SSLMethod.PROTOCOL_TLS if protocol is None else protocol
        is_client = self.protocol == _SSLMethod.PROTOCOL_TLS_CLIENT
        self.check_hostname = is_client
        self.verify_mode = VerifyMode.CERT_REQUIRED if is_client else VerifyMode.CERT_NONE
        self.verify_flags = VerifyFlags.VERIFY_X509_TRUSTED_FIRST
        self.options = Options.OP_ALL
        self.minimum_version = TLSVersion.TLSv1_2
        self.maximum_version = TLSVersion.MAXIMUM_SUPPORTED
        self.hostname_checks_common_name = False
        self.post_handshake_auth = False
        self.keylog_filename = None
        self.sni_callback = None
        self.security_level = 2
        self.num_tickets = 2

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        raise NotImplementedError("the host has no certificates of clients")

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True,
                    suppress_ragged_eofs=True, server_hostname=None, session=None):
        if not isinstance(sock, HttpSocket) or server_side:
            raise SSLError("the host encrypts connections of HTTP clients, and nothing else")
        sock.__class__ = SSLSocket
        sock.is_encrypted = True
        sock.context, sock.server_hostname = self, server_hostname
        return sock

    def wrap_bio(self, incoming, outgoing, server_side=False, server_hostname=None, session=None):
        raise NotImplementedError("the host encrypts connections, and nothing else")

    def _nothing(self, *args, **kwargs):
        pass

    load_verify_locations = load_default_certs = set_default_verify_paths = _nothing
    set_ciphers = set_alpn_protocols = set_npn_protocols = load_dh_params = _nothing
    set_ecdh_curve = set_servername_callback = _nothing

    def get_ca_certs(self, binary_form=False):
        return []

    def get_ciphers(self):
        return []

    def cert_store_stats(self):
        return {"x509": 0, "crl": 0, "x509_ca": 0}

    def session_stats(self):
        return {}


def create_default_context(purpose=Purpose.SERVER_AUTH, *, cafile=None, capath=None, cadata=None):
    return SSLContext(_SSLMethod.PROTOCOL_TLS_CLIENT)


def _create_unverified_context(*args, **kwargs):
    return create_default_context()


_create_default_https_context = create_default_context
_create_stdlib_context = _create_unverified_context


class DefaultVerifyPaths:
    cafile = capath = None
    # Where OpenSSL would look; there is nothing.
    openssl_cafile, openssl_capath = "/etc/ssl/cert.pem", "/etc/ssl/certs"
    openssl_cafile_env, openssl_capath_env = "SSL_CERT_FILE", "SSL_CERT_DIR"


def get_default_verify_paths():
    return DefaultVerifyPaths()


def _no_certificates(*args, **kwargs):
    raise NotImplementedError("the host alone has certificates")


get_server_certificate = DER_cert_to_PEM_cert = PEM_cert_to_DER_cert = _no_certificates
cert_time_to_seconds = _no_certificates


def RAND_bytes(n):
    import os

    return os.urandom(n)


def RAND_status():
    return True


def install():
    sys.modules["ssl"] = sys.modules[__name__]
