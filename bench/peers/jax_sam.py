"""SAM steps in JAX: written out by hand, and with optax.contrib.sam around the gradient."""

import jax
import jax.numpy as jnp
import optax

from jax_models import forward

TINY = 1e-12  # c


def loss_of(model: str, compute_type, activation: str):
    def loss(weights, statistics, images, labels):
        inputs = images.astype(compute_type or images.dtype)
        logits, moved = forward(model, weights, statistics, inputs, activation=activation)
        wide = logits.astype(next(iter(weights.values())).dtype)
        return optax.losses.softmax_cross_entropy_with_integer_labels(wide, labels).mean(), moved

    return loss


def sgd(rate: float, momentum: float, decay: float):
    """The same rule as torch.optim.SGD: coupled decay, momentum starting with the first gradient."""
    return optax.chain(optax.add_decayed_weights(decay), optax.sgd(rate, momentum))


def plain_step(model: str, optimizer, compute_type=None, activation: str = "relu"):
    """step(state, images, labels) -> state, losses; state = (weights, statistics, optimizer state)."""
    value = jax.value_and_grad(loss_of(model, compute_type, activation), has_aux=True)

    def step(state, images, labels):
        weights, statistics, memory = state
        (loss, moved), g = value(weights, statistics, images, labels)
        updates, memory = optimizer.update(g, memory, weights)
        return (optax.apply_updates(weights, updates), moved, memory), (loss,)

    return step


def sam_step(model: str, optimizer, rho: float, compute_type=None, activation: str = "relu"):
    """As the paper has it; running statistics move in the clean pass only."""
    value = jax.value_and_grad(loss_of(model, compute_type, activation), has_aux=True)

    def step(state, images, labels):
        weights, statistics, memory = state
        (loss, moved), g = value(weights, statistics, images, labels)
        norm = optax.global_norm(g)
        shifted = jax.tree.map(lambda w, d: w + (rho / (norm + TINY)) * d, weights, g)
        (perturbed, _), g = value(shifted, statistics, images, labels)
        updates, memory = optimizer.update(g, memory, weights)
        return (optax.apply_updates(weights, updates), moved, memory), (loss, perturbed, norm)

    return step


def optax_sam(optimizer, rho: float):
    adversary = optax.chain(optax.contrib.normalize(), optax.sgd(rho))
    return optax.contrib.sam(optimizer, adversary, sync_period=2, opaque_mode=True)


def optax_sam_step(model: str, sam, compute_type=None, activation: str = "relu"):
    """The same with optax_sam(...) as the optimizer, which asks for the second gradient itself."""
    value = jax.value_and_grad(loss_of(model, compute_type, activation), has_aux=True)

    def step(state, images, labels):
        weights, statistics, memory = state
        (loss, moved), g = value(weights, statistics, images, labels)
        again = lambda shifted, _: value(shifted, statistics, images, labels)[1]
        updates, memory = sam.update(g, memory, weights, grad_fn=again)
        return (optax.apply_updates(weights, updates), moved, memory), (loss,)

    return step
