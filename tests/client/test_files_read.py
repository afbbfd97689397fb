"""Files of every kind that can be written here are read back with their frames, dtypes and samplings."""

import gc
import json
import warnings

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from elitscope.files import FileUnreadable, open_frames, readable_extensions

FRAME = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
MOVIE = np.stack([FRAME + i for i in range(5)])


def hyperspy_signal(data, units="nm", scale=0.02, title="HAADF"):
    names = ["frame", "y", "x"][-data.ndim :]
    axes = [
        {
            "name": name,
            "size": size,
            "index_in_array": i,
            "scale": scale,
            "offset": 0.0,
            "units": units,
            "navigate": name == "frame",
            "_type": "UniformDataAxis",
        }
        for i, (name, size) in enumerate(zip(names, data.shape, strict=True))
    ]
    metadata = {"General": {"title": title}, "Signal": {"signal_type": ""}, "Acquisition_instrument": {"TEM": {"beam_energy": 60.0}}}
    return {
        "data": data,
        "axes": axes,
        "metadata": metadata,
        "original_metadata": {},
        "attributes": {"_lazy": False},
        "package_info": {"name": "test", "version": "0"},
        "tmp_parameters": {},
        "learning_results": {},
        "models": {},
    }


def the_frames(path):
    source = open_frames(path)
    frames = list(source)
    assert len(frames) == len(source)
    return source, [pixels for pixels, _ in frames], [info for _, info in frames]


def assert_movie(pixels, expected=MOVIE):
    assert len(pixels) == len(expected)
    for frame, wanted in zip(pixels, expected, strict=True):
        assert frame.dtype == expected.dtype.newbyteorder("=")
        assert frame.flags.c_contiguous
        np.testing.assert_array_equal(frame, wanted)


# ------------------------------------------------------------------------------------------------------------------ NumPy


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "uint32", "float16", "float32", "float64", "bool"])
def test_npy_frames_keep_their_values_and_dtype(tmp_path, dtype):
    np.save(tmp_path / "frame.npy", (FRAME % 200).astype(dtype))
    source, [pixels], [info] = the_frames(tmp_path / "frame.npy")
    np.testing.assert_array_equal(pixels, (FRAME % 200).astype(dtype))
    assert pixels.dtype == ("uint8" if dtype == "bool" else np.dtype(dtype).newbyteorder("="))
    assert info.sampling is None
    assert info.metadata == {"file": "frame.npy", "frame": 0}
    assert "sampling unknown" in source.description


@pytest.mark.parametrize("shape", [(5, 24, 32), (5, 1, 24, 32), (1, 5, 24, 32), (5, 24, 32, 1)])
def test_npy_movies_come_frame_by_frame_whatever_the_length_one_axes(tmp_path, shape):
    np.save(tmp_path / "movie.npy", MOVIE.reshape(shape))
    _, pixels, infos = the_frames(tmp_path / "movie.npy")
    assert_movie(pixels)
    assert [info.metadata["frame"] for info in infos] == [0, 1, 2, 3, 4]


def test_npy_movies_are_mapped_not_loaded(tmp_path):
    np.save(tmp_path / "movie.npy", MOVIE)
    pixels, _ = next(open_frames(tmp_path / "movie.npy").frames())
    assert isinstance(pixels.base, np.memmap) or isinstance(pixels, np.memmap)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_takes_frames_and_their_samplings(tmp_path, save):
    save(tmp_path / "movie.npz", other=np.zeros((9, 9)), frames=MOVIE, sampling=np.linspace(0.1, 0.2, 5, dtype=np.float32))
    _, pixels, infos = the_frames(tmp_path / "movie.npz")
    assert_movie(pixels)
    assert [info.sampling for info in infos] == [(s, s) for s in (0.1, 0.125, 0.15, 0.175, 0.2)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (0.2, (0.2, 0.2)),
        ([0.2], (0.2, 0.2)),
        ([0.2, 0.3], (0.2, 0.3)),
        ([[0.2, 0.3]] * 5, (0.2, 0.3)),
    ],
)
def test_npz_sampling_may_be_a_number_a_pair_or_a_pair_a_frame(tmp_path, values, expected):
    np.savez(tmp_path / "movie.npz", frames=MOVIE, sampling=np.array(values))
    _, _, infos = the_frames(tmp_path / "movie.npz")
    assert {info.sampling for info in infos} == {expected}


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.3], -0.1, np.nan, ["x"] * 5])
def test_npz_sampling_that_makes_no_sense_is_refused(tmp_path, values):
    np.savez(tmp_path / "movie.npz", frames=MOVIE, sampling=np.array(values))
    with pytest.raises(FileUnreadable, match="sampling"):
        open_frames(tmp_path / "movie.npz")


def test_npz_without_frames_takes_the_first_image_and_says_so(tmp_path):
    np.savez(tmp_path / "a.npz", numbers=np.arange(3), first=FRAME, second=FRAME)
    source, [pixels], _ = the_frames(tmp_path / "a.npz")
    np.testing.assert_array_equal(pixels, FRAME)
    assert "second" in source.notes[0]


def test_npz_part_names_an_array(tmp_path):
    np.savez(tmp_path / "a.npz", first=FRAME, second=MOVIE)
    assert len(open_frames(f"{tmp_path / 'a.npz'}::second")) == 5
    with pytest.raises(FileUnreadable, match="first, second"):
        open_frames(f"{tmp_path / 'a.npz'}::third")


def test_npz_in_fortran_order_is_read_right(tmp_path):
    np.savez(tmp_path / "f.npz", frames=np.asfortranarray(MOVIE))
    assert_movie(the_frames(tmp_path / "f.npz")[1])


# ------------------------------------------------------------------------------------------------------------------- TIFF


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_imagej_movies_have_sampling_from_their_resolution(tmp_path, compression):
    pixels_per_nm = 50.0
    metadata = {"unit": "nm", "axes": "TYX"}
    tifffile.imwrite(
        tmp_path / "m.tif", MOVIE, imagej=True, resolution=(pixels_per_nm, pixels_per_nm / 2), metadata=metadata, compression=compression
    )
    source, pixels, infos = the_frames(tmp_path / "m.tif")
    assert_movie(pixels)
    assert infos[0].sampling == pytest.approx((0.4, 0.2))
    assert source.description.startswith("ImageJ TIFF, 5 frames of 24 × 32 uint16, 0.4 × 0.2")


@pytest.mark.parametrize(("unit", "length"), [("\\u00B5m", 1e4), ("micron", 1e4), ("A", 1), ("\\u00C5", 1), ("pm", 0.01)])
def test_imagej_units_are_understood(tmp_path, unit, length):
    tifffile.imwrite(tmp_path / "u.tif", FRAME, imagej=True, resolution=(10.0, 10.0), metadata={"unit": unit})
    assert open_frames(tmp_path / "u.tif").sampling == pytest.approx((length / 10, length / 10))


@pytest.mark.parametrize("unit", ["pixel", "inch", ""])
def test_imagej_units_that_are_no_microscope_lengths_leave_the_sampling_unknown(tmp_path, unit):
    tifffile.imwrite(tmp_path / "u.tif", FRAME, imagej=True, resolution=(72.0, 72.0), metadata={"unit": unit})
    assert open_frames(tmp_path / "u.tif").sampling is None


def test_ome_sampling_is_read(tmp_path):
    metadata = {"axes": "TYX", "PhysicalSizeX": 0.02, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.03, "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(tmp_path / "m.ome.tif", MOVIE, metadata=metadata)
    source, pixels, _ = the_frames(tmp_path / "m.ome.tif")
    assert_movie(pixels)
    assert source.sampling == pytest.approx((0.3, 0.2))


def test_dots_per_inch_are_no_sampling(tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", FRAME, resolution=(118.1, 118.1), resolutionunit="CENTIMETER")
    assert open_frames(tmp_path / "p.tif").sampling is None


def test_a_resolution_too_fine_for_print_is_a_sampling(tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", FRAME, resolution=(1e9, 1e9), resolutionunit="CENTIMETER")
    assert open_frames(tmp_path / "p.tif").sampling == pytest.approx((0.1, 0.1))


def test_gatan_tags_in_a_tiff_are_read(tmp_path):
    tags = [(65003, "s", 0, "nm", True), (65004, "s", 0, "nm", True), (65009, "d", 1, 0.012, True), (65010, "d", 1, 0.012, True)]
    tifffile.imwrite(tmp_path / "dm.tif", FRAME, extratags=tags)
    assert open_frames(tmp_path / "dm.tif").sampling == pytest.approx((0.12, 0.12))


def test_thermo_fishers_tags_in_a_tiff_are_read(tmp_path):
    text = b"[Scan]\r\nPixelWidth=1.2e-11\r\nPixelHeight=1.3e-11\r\n"
    tifffile.imwrite(tmp_path / "fei.tif", FRAME, extratags=[(34682, "s", 0, text, True)])
    assert open_frames(tmp_path / "fei.tif").sampling == pytest.approx((0.13, 0.12))


def test_colour_tiff_becomes_luminance_with_a_note(tmp_path):
    colour = np.zeros((24, 32, 3), np.uint8)
    colour[..., 1] = 100
    tifffile.imwrite(tmp_path / "c.tif", colour, photometric="rgb")
    source, [pixels], _ = the_frames(tmp_path / "c.tif")
    assert pixels == pytest.approx(np.full((24, 32), 58.7), abs=1e-4)
    assert "colour" in source.notes[0]


# --------------------------------------------------------------------------------------------------------------- pictures


def test_16_bit_png_keeps_its_depth(tmp_path):
    Image.fromarray(FRAME).save(tmp_path / "f.png")
    source, [pixels], [info] = the_frames(tmp_path / "f.png")
    np.testing.assert_array_equal(pixels, FRAME)
    assert pixels.dtype == np.uint16
    assert info.sampling is None
    assert source.notes == ()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_saved_as_colour_is_grey_again(tmp_path, mode):
    grey = (FRAME % 250).astype(np.uint8)
    Image.fromarray(grey).convert(mode).save(tmp_path / "g.png")
    source, [pixels], _ = the_frames(tmp_path / "g.png")
    np.testing.assert_array_equal(pixels, grey)
    assert source.notes == ()


def test_jpeg_comes_with_a_warning_about_itself(tmp_path):
    Image.fromarray((FRAME % 250).astype(np.uint8)).save(tmp_path / "j.jpg")
    source, [pixels], _ = the_frames(tmp_path / "j.jpg")
    assert pixels.shape == (24, 32)
    assert "JPEG" in source.notes[0]


# ------------------------------------------------------------------------------------------------------------------- HDF5


def test_the_largest_image_of_an_hdf5_file_is_taken_and_the_others_are_named(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["thumb"], file["scan/haadf"], file["spectrum"] = FRAME[:8, :8], MOVIE, np.arange(10_000)
        file["scan/haadf"].attrs["sampling"] = (0.1, 0.2)
    source, pixels, infos = the_frames(tmp_path / "f.h5")
    assert_movie(pixels)
    assert infos[0].sampling == (0.1, 0.2)
    assert "/thumb" in source.notes[0]
    assert open_frames(f"{tmp_path / 'f.h5'}::/thumb").count == 1


def test_hdf5_axes_of_nexus_nsid_and_fiji_give_the_sampling(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        nexus = file.create_group("nexus")
        nexus["data"], nexus["y"], nexus["x"] = FRAME, np.arange(24) * 0.02, np.arange(32) * 0.03
        nexus.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": ["y", "x"]})
        nexus["y"].attrs["units"] = nexus["x"].attrs["units"] = "nm"
        nsid = file.create_dataset("nsid", data=FRAME)
        for i, n in enumerate((24, 32)):
            scale = file.create_dataset(f"axis{i}", data=np.arange(n) * 20.0)
            scale.attrs["units"] = "pm"
            scale.make_scale()
            nsid.dims[i].attach_scale(scale)
        file.create_dataset("fiji", data=FRAME).attrs["element_size_um"] = (1, 2e-5, 3e-5)
    samplings = [open_frames(f"{tmp_path / 'f.h5'}::{name}").sampling for name in ("nexus/data", "nsid", "fiji")]
    assert samplings[0] == pytest.approx((0.2, 0.3))
    assert samplings[1] == pytest.approx((0.2, 0.2))
    assert samplings[2] == pytest.approx((0.2, 0.3))


def test_an_hdf5_file_without_images_says_what_it_holds(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["spectrum"], file["cube"] = np.arange(10), np.zeros((4, 4, 8, 8))
    with pytest.raises(FileUnreadable, match=r"/cube \(4, 4, 8, 8\)"):
        open_frames(tmp_path / "f.h5")


# ---------------------------------------------------------------------------------------------------- microscopes' formats


@pytest.mark.parametrize("extension", ["hspy", "emd", "hdf5"])
@pytest.mark.parametrize("data", [FRAME, MOVIE], ids=["image", "movie"])
def test_hyperspy_and_ncem_files_bring_frames_and_sampling(tmp_path, extension, data):
    from rsciio.emd import file_writer as write_emd
    from rsciio.hspy import file_writer as write_hspy

    path = tmp_path / f"scan.{extension}"
    (write_emd if extension == "emd" else write_hspy)(str(path), hyperspy_signal(data))
    source, pixels, infos = the_frames(path)
    assert_movie(pixels, data.reshape(-1, 24, 32))
    assert infos[0].sampling == pytest.approx((0.2, 0.2))
    if extension != "emd":
        assert infos[0].high_tension == 60_000
    assert "HAADF" in source.description


def test_calibration_one_without_a_unit_is_no_sampling(tmp_path):
    from rsciio.hspy import file_writer

    file_writer(str(tmp_path / "u.hspy"), hyperspy_signal(FRAME, units="", scale=1.0))
    assert open_frames(tmp_path / "u.hspy").sampling is None


@pytest.mark.parametrize("unit", ["1/nm", "nm^-1", "mrad", "1 / Å"])
def test_diffraction_patterns_are_refused(tmp_path, unit):
    from rsciio.hspy import file_writer

    file_writer(str(tmp_path / "d.hspy"), hyperspy_signal(FRAME, units=unit))
    with pytest.raises(FileUnreadable, match="diffraction"):
        open_frames(tmp_path / "d.hspy")


def test_complex_data_are_refused_with_advice(tmp_path):
    from rsciio.hspy import file_writer

    file_writer(str(tmp_path / "c.hspy"), hyperspy_signal(FRAME + 1j))
    np.save(tmp_path / "c.npy", FRAME + 1j)
    for name in ("c.hspy", "c.npy"):
        with pytest.raises(FileUnreadable, match=r"complex.*modulus"):
            open_frames(tmp_path / name)


def mrc_bytes(data, nm_per_px):
    """An MRC 2014 file of uint16: the 1024-byte header of the standard, then sections."""
    header = np.zeros(256, "<i4")
    sections, rows, columns = data.shape
    header[:4] = columns, rows, sections, 6
    header[7:10] = columns, rows, sections
    header[10:13] = np.array([columns, rows, sections], "<f4").__mul__(nm_per_px * 10).astype("<f4").view("<i4")
    header[16:19] = 1, 2, 3
    header[52] = int.from_bytes(b"MAP ", "little")
    header[53] = 0x4444
    return header.tobytes() + data.astype("<u2").tobytes()


def test_mrc_stacks_are_movies(tmp_path):
    (tmp_path / "m.mrc").write_bytes(mrc_bytes(MOVIE, 0.02))
    source, pixels, _ = the_frames(tmp_path / "m.mrc")
    assert_movie(pixels)
    assert source.sampling == pytest.approx((0.2, 0.2))


def velox_file(path, images):
    """A Thermo Fisher Velox file, as far as its images go: pixels [row, column, frame] and JSON metadata a frame."""
    with h5py.File(path, "w") as file:
        file["Version"] = np.array([b'{"format": "Velox", "version": "10"}'])
        for i, (detector, data) in enumerate(images.items()):
            metadata = {
                "Core": {"MetadataDefinitionVersion": "7.9"},
                "Instrument": {"InstrumentClass": "Titan"},
                "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "1500000000"}},
                "Optics": {"AccelerationVoltage": "300000"},
                "Scan": {"FrameTime": "0.5", "DwellTime": "1e-06", "ScanRotation": "1.5707963267948966"},
                "BinaryResult": {
                    "PixelSize": {"width": "2e-11", "height": "2e-11"},
                    "PixelUnitX": "m",
                    "PixelUnitY": "m",
                    "DetectorIndex": "0",
                },
                "CustomProperties": {},
                "Detectors": {"Detector-0": {"DetectorName": detector, "DetectorType": "ScanningDetector"}},
            }
            group = file.create_group(f"Data/Image/{i:032x}")
            group.create_dataset("Data", data=np.moveaxis(data, 0, -1), chunks=(*data.shape[1:], 1))
            text = np.zeros((6000, len(data)), np.uint8)
            encoded = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
            text[: len(encoded)] = encoded[:, None]
            group["Metadata"] = text


def test_velox_movies_bring_what_the_microscope_knew(tmp_path):
    velox_file(tmp_path / "v.emd", {"BF-S": MOVIE[:, ::-1], "HAADF": MOVIE})
    source, pixels, infos = the_frames(tmp_path / "v.emd")
    assert_movie(pixels)
    info = infos[0]
    assert info.sampling == pytest.approx((0.2, 0.2))
    assert (info.high_tension, info.dwell_time, info.channel, info.acquired_at) == (300_000, 1e-6, "HAADF", 1_500_000_000)
    assert info.rotation == pytest.approx(90)
    assert "BF-S" in source.notes[0]
    assert_movie(the_frames(f"{tmp_path / 'v.emd'}::BF-S")[1], MOVIE[:, ::-1])


def test_a_genuine_gatan_file_is_read_with_its_own_sampling(shared_data):
    source, [pixels], [info] = the_frames(shared_data / "experimental" / "example_Se_implanted_MoS2.dm3")
    assert (pixels.shape, pixels.dtype) == ((1024, 1024), np.uint32)
    assert info.sampling == pytest.approx((0.12695, 0.12695), abs=1e-5)
    assert info.high_tension == 60_000
    assert info.dwell_time == pytest.approx(32.4e-6)
    assert info.acquired_at == pytest.approx(1467566454, abs=1)
    assert "0.12695 Å/px" in source.description


@pytest.mark.parametrize("name", ["MoS2_000-2.npy", "MoS2_002-5.npy", "bpy_crop19.tif", "dyscandate_8nm.png"])
def test_every_experimental_file_is_read(shared_data, name):
    _, [pixels], [info] = the_frames(shared_data / "experimental" / name)
    assert min(pixels.shape) >= 512
    assert info.sampling == (pytest.approx((0.17578, 0.17578), abs=1e-4) if name.startswith("MoS2") else None)


def test_a_movie_with_a_sampling_a_frame_streams_with_them(shared_data):
    _, pixels, infos = the_frames(shared_data / "multislice" / "graphene_drift.npz")
    assert len(pixels) == 48
    assert {info.sampling for info in infos} >= {(0.078125, 0.078125), (0.125, 0.125)}


# -------------------------------------------------------------------------------------------------------------- side-cars


def test_a_side_car_gives_the_field_of_view_and_says_so(tmp_path):
    np.save(tmp_path / "f.npy", FRAME)
    spatial = {"field_of_view_x": 3.2, "field_of_view_y": 4.8, "field_of_view_units": "nm"}
    (tmp_path / "f.json").write_text(json.dumps({"experimental_details": {"voltage": "60 kV", "spatial_info": spatial}}))
    source, _, [info] = the_frames(tmp_path / "f.npy")
    assert info.sampling == pytest.approx((2.0, 1.0))
    assert info.field_of_view == pytest.approx((48.0, 32.0))
    assert info.high_tension == 60_000
    assert "f.json" in source.notes[-1]


def test_nion_swifts_side_car_gives_sampling_channel_and_dwell_time(tmp_path):
    np.save(tmp_path / "f.npy", MOVIE)
    axes = [{"offset": 0, "scale": 1, "units": ""}] + [{"offset": -1, "scale": 0.02, "units": "nm"}] * 2
    properties = {"channel_name": "HAADF", "pixel_time_us": 8.0}
    (tmp_path / "f.json").write_text(json.dumps({"spatial_calibrations": axes, "properties": properties}))
    _, pixels, infos = the_frames(tmp_path / "f.npy")
    assert_movie(pixels)
    assert infos[4].sampling == pytest.approx((0.2, 0.2))
    assert (infos[4].channel, infos[4].dwell_time) == ("HAADF", pytest.approx(8e-6))


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "{}", '{"spatial_calibrations": [{}, {}]}', '{"experimental_details": {"spatial_info": 3}}', "\x00"]
)
def test_a_side_car_of_another_kind_is_left_alone(tmp_path, text):
    np.save(tmp_path / "f.npy", FRAME)
    (tmp_path / "f.json").write_text(text)
    source = open_frames(tmp_path / "f.npy")
    assert (source.sampling, source.notes) == (None, ())


def test_the_files_own_sampling_wins_over_a_side_car(tmp_path):
    tifffile.imwrite(tmp_path / "f.tif", FRAME, imagej=True, resolution=(50.0, 50.0), metadata={"unit": "nm"})
    (tmp_path / "f.json").write_text(
        json.dumps({"spatial_info": {"field_of_view_x": 99, "field_of_view_y": 99, "field_of_view_units": "nm"}})
    )
    assert open_frames(tmp_path / "f.tif").sampling == pytest.approx((0.2, 0.2))


# ---------------------------------------------------------------------------------------------------------------- refusals


def test_an_unknown_extension_lists_what_is_known(tmp_path):
    (tmp_path / "frame.docx").write_bytes(b"PK")
    with pytest.raises(FileUnreadable, match=r"'.docx' can't be read; these can: .*dm3, dm4.*npy.*zspy"):
        open_frames(tmp_path / "frame.docx")


def test_a_folder_and_a_name_without_ending_are_told_apart(tmp_path):
    with pytest.raises(FileUnreadable, match=r"is a folder: name the files in it"):
        open_frames(tmp_path)
    (tmp_path / "scan").write_bytes(b"x")
    with pytest.raises(FileUnreadable, match=r"scan: its name has no ending, which says how to read it; these can be read: .*dm4"):
        open_frames(tmp_path / "scan")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileUnreadable, match=r"nothere\.npy does not exist"):
        open_frames(tmp_path / "nothere.npy")


@pytest.mark.parametrize("extension", ["npy", "npz", "tif", "png", "h5", "dm3", "dm4", "emd", "mrc", "hspy", "ser", "emi", "hdf5"])
@pytest.mark.parametrize("content", [b"", b"not what its name says " * 40], ids=["empty", "text"])
def test_corrupt_files_are_refused_by_name(tmp_path, extension, content):
    path = tmp_path / f"broken.{extension}"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # some libraries leave a file that they can't read to the garbage collector
        with pytest.raises(FileUnreadable, match=f"broken.{extension}"):
            list(open_frames(path))
        gc.collect()


@pytest.mark.parametrize("extension", ["npy", "npz", "tif"])
def test_a_file_that_ends_early_is_refused_in_the_end(tmp_path, extension):
    whole, cut = tmp_path / f"whole.{extension}", tmp_path / f"cut.{extension}"
    {"npy": np.save, "npz": lambda p, m: np.savez(p, frames=m), "tif": tifffile.imwrite}[extension](whole, MOVIE)
    cut.write_bytes(whole.read_bytes()[:-3000])
    with pytest.raises(FileUnreadable, match="cut"):
        list(open_frames(cut))


def test_pickles_are_never_loaded(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "o.npz", frames=np.array([[{}, []]], dtype=object))
    for name in ("o.npy", "o.npz"):
        with pytest.raises(FileUnreadable):
            list(open_frames(tmp_path / name))


@pytest.mark.parametrize("shape", [(10,), (0, 5), (3, 4, 24, 32)])
def test_arrays_that_are_no_frames_are_refused_with_their_shape(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(FileUnreadable, match=str(shape[-1])):
        list(open_frames(tmp_path / "a.npy"))


def test_every_promised_extension_has_a_reader():
    promised = {"npy", "npz", "tif", "tiff", "png", "jpg", "h5", "hdf5", "dm3", "dm4", "emd", "mrc", "hspy", "zspy", "ser", "emi", "blo"}
    assert promised <= set(readable_extensions())
