"""The device that PyTorch finds, and how to measure on it."""

import time

import torch

from support import last_level_cache, processor, seconds_of


def find_device(name: str | None = None) -> torch.device:
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def describe(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    return f"{processor()}, {torch.get_num_threads()} threads used; no CUDA card seen"


def cache_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).L2_cache_size
    return last_level_cache()


def event_seconds(form, repeats: int) -> float:
    """Seconds per call between two CUDA events."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(repeats):
        form()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3 / repeats


def clock_of(device: torch.device):
    """seconds(form, repeats): CUDA events on a card; on one thread the processor's time, which other
    programs stretch less; else the clock on the wall."""
    if device.type == "cuda":
        return event_seconds
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    return lambda form, repeats: seconds_of(form, repeats, clock=clock)
