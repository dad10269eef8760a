"""Run by a startup file with ``%run -i``: shares its names."""

assert RE.md["sample"] == "silver behenate"
detector_distance_mm = 1500.0


def q_of(radius_mm, wavelength_a=1.0):
    import math

    return 4 * math.pi / wavelength_a * math.sin(math.atan(radius_mm / detector_distance_mm) / 2)
