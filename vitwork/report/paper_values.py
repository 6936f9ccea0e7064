"""The paper's own numbers, to be drawn on the axes of ours. Facts only.

Where the paper prints no number, values were read from the vector coordinates of the authors' poster and slides, good
to about the last digit given; `SPECTRAL_MODES` and `PATHS` are read from plots. One trained network per arm each.
Arms are named as the suite names its own, so that both have the same colour.
"""

from __future__ import annotations

# Fig. 2a and 8: Δ log amplitude at the highest frequency, after every block, ImageNet-1K checkpoints.
LOG_AMPLITUDE: dict[str, tuple[float, ...]] = {
    "resnet": (
        *(-6.60, -5.63, -5.42, -5.23, -3.51, -3.72, -3.64, -3.66),
        *(-2.61, -2.84, -2.79, -2.69, -2.52, -2.57, -1.03, -1.09, -1.03),
    ),
    "vit": (
        *(-1.777, -1.887, -2.648, -2.170, -2.535, -2.167, -2.366, -2.503, -2.489, -2.667, -2.453, -2.663, -2.529),
        *(-2.644, -2.464, -2.599, -2.467, -2.498, -2.420, -2.408, -2.359, -2.457, -2.549, -2.568, -2.272),
    ),
}
# Fig. 9: spatial variance of feature maps, CIFAR-100.
VARIANCE: dict[str, tuple[float, ...]] = {
    "resnet": (
        *(0.092, 0.201, 0.347, 0.455, 0.359, 0.484, 0.646, 0.765),
        *(0.371, 0.455, 0.575, 0.686, 0.762, 0.836, 0.170, 0.168, 0.209),
    ),
    "vit": (
        *(0.0173, 0.0153, 0.0492, 0.0404, 0.0598, 0.0529, 0.0674, 0.0576, 0.0737, 0.0732, 0.0849, 0.0828, 0.0868),
        *(0.0849, 0.0875, 0.0868, 0.0867, 0.0861, 0.0838, 0.0832, 0.0779, 0.0776, 0.0749, 0.0744, 0.0927),
    ),
}
RESNET_KINDS = ("stem", *["conv"] * 16)
RESNET_DOWNSAMPLES = tuple(place in (4, 8, 14) for place in range(17))
VIT_KINDS = ("stem", *["msa", "mlp"] * 12)
KINDS: dict[str, tuple[str, ...]] = {"resnet": RESNET_KINDS, "vit": VIT_KINDS}
DOWNSAMPLES: dict[str, tuple[bool, ...]] = {"resnet": RESNET_DOWNSAMPLES, "vit": (False,) * 25}

# Fig. 2b: change of accuracy (percentage points) by noise in bands of 0.1π … 0.9π, ImageNet-1K.
NOISE_BANDS: dict[str, tuple[float, ...]] = {
    "resnet": (-5.01, -8.84, -12.72, -10.74, -10.29, -10.10, -9.67, -13.59, -15.38),
    "vit": (-5.50, -12.07, -14.93, -13.43, -11.56, -9.77, -6.29, -4.32, -4.84),
}

# Fig. 10b: Swin-Ti, change of accuracy (percentage points) when one unit is removed: stage, kind, value.
# The first two of stage 1 lie below the drawn range (−2.3) and are left out.
SWIN_LESION: tuple[tuple[int, str, float | None], ...] = (
    *((1, "msa", None), (1, "mlp", None), (1, "msa", -1.96), (1, "mlp", -0.43)),
    *((2, "msa", -0.42), (2, "mlp", -0.60), (2, "msa", -1.44), (2, "mlp", -0.22)),
    *((3, "msa", -0.23), (3, "mlp", -0.69), (3, "msa", -0.16), (3, "mlp", -0.28), (3, "msa", -0.39), (3, "mlp", -0.17)),
    *((3, "msa", -0.23), (3, "mlp", -0.22), (3, "msa", -0.60), (3, "mlp", -0.30), (3, "msa", -0.56), (3, "mlp", 0.00)),
    *((4, "msa", -1.09), (4, "mlp", -1.07), (4, "msa", -1.88), (4, "mlp", -1.00)),
)

# Fig. 1c: modes of the positive top eigenvalues at warm-up, 100, 200 and 300 epochs; the ResNet's third is the middle
# of a range of 540 to 670.
SPECTRAL_MODES: dict[str, tuple[float, ...]] = {"vit": (36, 98, 313, 433), "resnet": (295, 339, 605, 840)}
MODE_PARTS = (0.0, 1 / 3, 2 / 3, 1.0)
"""Of the training between warm-up and the end."""
# NEP (%) and APE at warm-up, from the density curves of Fig. 1c, 4, 7b and 12c.
NEP_APE: dict[str, dict[str, tuple[float, float]]] = {
    "1c": {"vit": (9.0, 47), "resnet": (0.0, 489)},
    "4": {"vit": (9.0, 47.1), "vit, 6 % of the data": (33.7, 45.5)},
    "7b": {"vit-local-3": (7.3, 49.9), "vit-local-5": (3.9, 57.1), "vit": (7.6, 53.6)},
    "12c": {"alternet": (0.65, 431), "resnet": (0.1, 572)},
}

# Fig. 1b: radius relative to the start and angle in degrees, from initial to final weights.
PATHS: dict[str, tuple[tuple[float, float], ...]] = {
    "vit": ((1.0, 0.0), (0.98, 7.0), (0.42, 63.0), (0.0, 93.0)),
    "resnet": ((1.0, 0.0), (1.41, 68.0), (0.78, 92.0), (0.14, 98.0), (0.0, 98.0)),
}

# Fig. 5a and 7a: test error (%) and NLL on augmented training data, CIFAR-100.
ERROR_NLL: dict[str, dict[str, tuple[float, float]]] = {
    "5a": {
        "ResNeXt-50": (17.65, 2.097),
        "resnet": (17.26, 2.086),
        "Twins-S": (22.38, 2.171),
        "Swin-Ti": (23.30, 2.225),
        "PiT-Ti": (23.96, 2.296),
        "vit": (33.49, 2.522),
        "Mixer-Ti": (35.38, 2.569),
    },
    "7a": {"vit-local-3": (27.89, 2.451), "vit-local-5": (28.05, 2.406), "vit": (28.94, 2.473)},
}

# Fig. 12a: accuracy (%) along the build-up, by the MSAs placed so far; accepted steps, then rejected ones.
BUILD_UP: tuple[tuple[int, str, float, bool], ...] = (
    *((0, "none", 82.48, True), (1, "c4#4", 83.45, True), (2, "c4#2", 83.66, True), (3, "c3#6", 83.77, True)),
    *((4, "c2#4", 84.02, True), (4, "c3#4", 83.52, False), (5, "c3#4, #2", 83.19, False)),
    *((5, "c2#2", 83.39, False), (5, "c1#3", 83.80, False)),
)
# Fig. 12b: accuracy and robustness (%) on CIFAR-100.
ACCURACY_ROBUSTNESS: dict[str, tuple[float, float]] = {
    "PiT-Ti": (76.04, 58.71),
    "Swin-Ti": (76.70, 59.97),
    "Twins-S": (77.29, 62.74),
    "vit": (66.51, 51.93),
    "Mixer-Ti": (64.41, 48.51),
    "ResNeXt-50": (82.35, 64.21),
    "resnet": (82.48, 64.98),
    "alternet": (84.02, 66.67),
}
NETWORKS = {
    "resnet": "ResNet-50",
    "vit": "ViT-Ti",
    "alternet": "AlterNet-50",
    "vit-local-3": "ViT-Ti, 3×3",
    "vit-local-5": "ViT-Ti, 5×5",
}
"""What the paper's network for an arm of ours is called."""
# Fig. 1a: rise of the NLL (nats) from the centre to radius 1, from the published surfaces.
SURFACE_RISE: dict[str, float] = {"vit": 2.61, "resnet": 3.71}
