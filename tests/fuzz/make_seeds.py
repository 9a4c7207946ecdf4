#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets into corpus/: what is valid, and every known way to be wrong."""

import gzip
import json
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def idx(*sizes, data=b"", magic=None):
    magic = 0x0800 + len(sizes) if magic is None else magic
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes) + data


def zipped(data):
    return gzip.compress(data, mtime=0)


def idx_seeds():
    labels, images = 0, 2  # first byte: axes - 1; 4 more: compress the rest before parsing
    plain = {
        "labels": (labels, idx(5, data=bytes(range(5)))),
        "images": (images, idx(2, 3, 4, data=bytes(range(24)))),
        "two_axes": (1, idx(2, 3, data=bytes(6))),
        "huge_count": (images, idx(2**31, 28, 28, data=bytes(20))),
        "overflowing_product": (images, idx(2**32 - 1, 2**32 - 1, 2**32 - 1)),
        "product_wraps_to_zero": (images, idx(2**16, 2**24, 2**24)),
        "zero_count": (labels, idx(0)),
        "zero_width": (images, idx(2, 3, 0)),
        "header_only": (images, idx(2, 3, 4)),
        "half_a_header": (images, idx(2, 3, 4)[:9]),
        "one_byte_short": (labels, idx(5, data=bytes(4))),
        "one_byte_long": (labels, idx(5, data=bytes(6))),
        "float_type": (labels, idx(1, data=bytes(4), magic=0x0D01)),
        "little_endian": (labels, struct.pack("<2I", 0x0801, 1) + b"\0"),
    }
    seeds = {f"plain_{name}": bytes([4 + axes]) + data for name, (axes, data) in plain.items()}
    seeds |= {f"gzip_{name}": bytes([axes]) + zipped(data) for name, (axes, data) in plain.items()}
    whole = zipped(idx(5, data=bytes(range(5))))
    seeds |= {
        "empty": b"",
        "no_file": b"\0",
        "not_gzip": b"\0" + idx(5, data=bytes(5)),
        "gzip_magic_only": b"\0" + whole[:2],
        "gzip_header_only": b"\0" + whole[:10],
        "gzip_no_checksum": b"\0" + whole[:-8],
        "gzip_half_checksum": b"\0" + whole[:-4],
        "gzip_wrong_checksum": b"\0" + whole[:-8] + b"\0\0\0\0" + whole[-4:],
        "gzip_wrong_length": b"\0" + whole[:-4] + b"\xff\xff\xff\xff",
        "gzip_trailing_bytes": b"\0" + whole + b"\0\0\0",
        "gzip_two_members": b"\0" + whole + whole,
        "gzip_with_name": b"\0\x1f\x8b\x08\x08\0\0\0\0\0\x03name\0" + whole[10:],
        "gzip_endless_name": b"\0\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"n" * 200,
        "gzip_bomb": b"\0" + zipped(idx(4, data=bytes(2_000_000))),
        "gzip_bomb_announced": b"\0" + zipped(idx(2_000_000, data=bytes(2_000_000))),
    }
    return seeds


def cifar_seeds():
    image = bytes(i * 7 % 256 for i in range(3072))
    return {
        "empty": b"",
        "no_file": b"\0",
        "ten": b"\0" + b"\x09" + image,
        "ten_padded": b"\4" + b"\x03\xff",
        "ten_label_out_of_range": b"\4" + b"\x0a",
        "ten_one_byte_short": b"\0" + b"\x09" + image[:-1],
        "ten_one_byte_long": b"\0" + b"\x09" + image + b"\0",
        "hundred_fine": b"\1" + b"\x13\x63" + image,
        "hundred_coarse_padded": b"\6" + b"\x13\x63\xff",
        "hundred_coarse_label_out_of_range": b"\5" + b"\x14\x00",
        "hundred_fine_label_out_of_range": b"\6" + b"\x00\x64",
    }


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="F32", shape=(2, 3), offsets=(0, 24), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def safetensors_seeds():
    two = {"a": entry(), "b": entry("I64", [1], [24, 32])}
    return {
        "empty": b"",
        "no_tensors": safetensors({}),
        "one": safetensors({"w": entry()}, bytes(24)),
        "two_and_metadata": safetensors({**two, "__metadata__": {"step": "7"}}, bytes(32)),
        "every_type": safetensors(
            {"a": entry("F64", [1], [0, 8]), "b": entry("BF16", [], [8, 10])}, bytes(10)),
        "escaped_name": safetensors(b'{"\\u00e9\\n\\"":' + json.dumps(entry()).encode() + b"}",
                                    bytes(24)),
        "padded_header": safetensors(json.dumps({"w": entry()}).encode() + b"    ", bytes(24)),
        "empty_tensor": safetensors({"w": entry(shape=[0, 3], offsets=[0, 0])}),
        "length_only": struct.pack("<Q", 5),
        "length_huge": safetensors({}, length=2**63),
        "length_all_ones": safetensors({}, length=2**64 - 1),
        "length_beyond_file": safetensors({"w": entry()}, length=1000),
        "not_json": safetensors(b"hello"),
        "not_an_object": safetensors(b"[1, 2]"),
        "not_utf8": safetensors(b'{"\xff\xfe": 1}'),
        "deep": safetensors(b'{"a":' + b"[" * 2000),
        "repeated_name": safetensors(
            b'{"w":' + json.dumps(entry()).encode() + b',"w":' + json.dumps(entry()).encode() + b"}",
            bytes(24)),
        "shape_overflows": safetensors({"w": entry(shape=[2**62, 2**62], offsets=[0, 24])}, bytes(24)),
        "shape_negative": safetensors({"w": entry(shape=[-2, -3])}, bytes(24)),
        "shape_fraction": safetensors({"w": entry(shape=[2.5, 3])}, bytes(24)),
        "shape_too_long": safetensors({"w": entry(shape=[1] * 30, offsets=[0, 4])}, bytes(4)),
        "offsets_backwards": safetensors({"w": entry(offsets=[24, 0])}, bytes(24)),
        "offsets_outside": safetensors({"w": entry(offsets=[2**40, 2**40 + 24])}, bytes(24)),
        "offsets_three": safetensors({"w": entry(offsets=[0, 24, 48])}, bytes(48)),
        "gap": safetensors({"a": entry(), "b": entry(offsets=[28, 52])}, bytes(52)),
        "overlap": safetensors({"a": entry(), "b": entry(offsets=[20, 44])}, bytes(44)),
        "trailing_data": safetensors({"w": entry()}, bytes(25)),
        "unknown_type": safetensors({"w": entry("F8")}, bytes(24)),
        "unknown_field": safetensors({"w": entry(extra=1)}, bytes(24)),
        "misaligned": safetensors(
            {"a": entry("BF16", [1], [0, 2]), "b": entry("F64", [1], [2, 10])}, bytes(10)),
        "metadata_number": safetensors({"__metadata__": {"step": 7}}),
    }


write("idx", idx_seeds())
write("cifar", cifar_seeds())
write("safetensors", safetensors_seeds())
