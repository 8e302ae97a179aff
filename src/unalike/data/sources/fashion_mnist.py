"""Fashion-MNIST: photographs of clothes in the format of MNIST."""

from .mnist import read_mnist
from .source import RemoteFile, Source

_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"


def _file(name: str, md5: str) -> RemoteFile:
    return RemoteFile(name, _URL + name, f"md5:{md5}", "fashion-mnist")


FASHION_MNIST = Source(
    name="fashion-mnist",
    title="Clothes of 28 x 28 pixels",
    samples=70_000,
    shape=(1, 28, 28),
    classes=10,
    licence="MIT",
    citation="Xiao, Rasul and Vollgraf (2017). Fashion-MNIST: a Novel Image Dataset for "
    "Benchmarking Machine Learning Algorithms. arXiv:1708.07747",
    files=(
        _file("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        _file("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        _file("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        _file("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
    read=read_mnist,
)
