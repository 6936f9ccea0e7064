"""Plain convolution networks that timm lacks: pre-activation VGG and AlexNet."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vitwork.models.zoo.staged import SMALL_IMAGE, StagedNet


class PreActConv(nn.Module):
    """BN, ReLU, 3×3 convolution."""

    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        self.norm, self.act = nn.BatchNorm2d(dim), nn.ReLU()
        self.conv = nn.Conv2d(dim, out, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next feature map."""
        y: Tensor = self.conv(self.act(self.norm(x)))
        return y


class ConvAct(nn.Module):
    """Convolution and ReLU."""

    def __init__(self, dim: int, out: int, kernel_size: int, stride: int, padding: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim, out, kernel_size, stride=stride, padding=padding, bias=False)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return the next feature map."""
        y: Tensor = self.act(self.conv(x))
        return y


def hidden_head(dim: int, side: int, hidden: int, num_classes: int) -> nn.Sequential:
    """Return a head that averages to side×side, followed by two hidden layers with dropout and the classifier."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(side),
        nn.Flatten(),
        nn.Linear(dim * side**2, hidden),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(hidden, num_classes),
    )


def prevgg(
    num_classes: int,
    *,
    depths: Sequence[int],
    widths: Sequence[int] = (64, 128, 256, 512, 512),
    hidden: int = 4096,
    image_size: int = 32,
    drop_path: float = 0.0,
) -> nn.Module:
    """Pre-activation VGG: BN, ReLU, convolution in every layer from the images on, as in the official code.

    Args:
        num_classes: classes.
        depths, widths: convolutions and channels of each stage; 2×2 max pooling separates stages.
        hidden: size of the head's hidden layers.
        image_size: side of the images in pixels (the network takes any).
        drop_path: without effect: there is no residual branch to drop.
    """
    del image_size, drop_path
    stages, dim = [], 3
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        layers: list[nn.Module] = [nn.MaxPool2d(2)] if stage else []
        for _ in range(depth):
            layers.append(PreActConv(dim, width))
            dim = width
        stages.append(nn.Sequential(*layers))
    head = nn.Sequential(nn.MaxPool2d(2), *hidden_head(dim, 7, hidden, num_classes))
    return StagedNet(stages[0], stages[1:], head)


def alexnet(num_classes: int, *, hidden: int = 4096, image_size: int = 32, drop_path: float = 0.0) -> nn.Module:
    """AlexNet without local response normalisation; small images get 3×3 convolutions of stride 2 at the stem.

    Args:
        num_classes: classes.
        hidden: size of the head's hidden layers.
        image_size: side of the images in pixels.
        drop_path: without effect: there is no residual branch to drop.
    """
    del drop_path
    small = image_size <= SMALL_IMAGE
    pool = 2 if small else 3
    stem = ConvAct(3, 64, 3, 2, 1) if small else ConvAct(3, 64, 11, 4, 2)
    stages = [
        nn.Sequential(nn.MaxPool2d(pool, stride=2), ConvAct(64, 192, 5, 1, 2)),
        nn.Sequential(
            nn.MaxPool2d(pool, stride=2),
            ConvAct(192, 384, 3, 1, 1),
            ConvAct(384, 256, 3, 1, 1),
            ConvAct(256, 256, 3, 1, 1),
        ),
    ]
    head = nn.Sequential(nn.MaxPool2d(pool, stride=2), *hidden_head(256, 2 if small else 6, hidden, num_classes))
    return StagedNet(stem, stages, head)
