"""Per-FedAvg's meta-losses: how smooth, how noisily seen, how unlike, and how fast minimised.

    F_i(w) = f_i(w - alpha grad f_i(w)),   F = 1/N sum F_i,   alpha <= 1 / L

    smoothness     L_F = 4 L + alpha rho B
    bias           |E g - grad F_i| <= 2 alpha L sigma_G / sqrt(D)
    noise          E|g - grad F_i|^2 <= sigma_F^2
                   = 12 (B^2 + v) (1 + u / 4) - 12 B^2
                   v = sigma_G^2 (1 / D' + (alpha L)^2 / D),  u = (alpha sigma_H)^2 / D''
    dissimilarity  1/N sum |grad F_i - grad F|^2 <= gamma_F^2
                   = 3 B^2 alpha^2 gamma_H^2 + 192 gamma_G^2
    convergence    mean E|grad F|^2 <= 4 (F(w_0) - F*) / (beta tau K) + O(1) (noise + unlike + bias)
                   noise  = beta L_F (1 + beta L_F tau (tau - 1)) sigma_F^2
                   unlike = beta L_F gamma_F^2 ((1 - r) / (r (N - 1)) + beta L_F tau (tau - 1))
                   bias   = (alpha L)^2 sigma_G^2 / D
                   for beta <= 1 / (10 tau L_F)

f_i is L-smooth, |grad f_i| <= B, its Hessian rho-Lipschitz; one sample's gradient and Hessian have
variances sigma_G^2 and sigma_H^2; over clients they vary by gamma_G^2 and gamma_H^2, everywhere
(see `distribution_bounds.py`). g uses D, D', D'' samples for the adapting step, the gradient and
the Hessian. K rounds of tau steps of size beta, a share r of the N clients in each.

Source  Fallah et al., NeurIPS 2020 (arXiv:2002.07948). The constants follow the published theorem
        as we read it; not verified against the printed page. The first four inequalities do hold:
        the triangle inequality gives L_F, the bias, 4 v + u (B^2 + v) <= sigma_F^2, and
        gamma_F^2 with 24 in place of 192. The last holds up to a factor that the theorem does not
        state, so that its terms can be compared with each other and are no bound by themselves
"""

from typing import NamedTuple

from unalike.errors import InputError


class Losses(NamedTuple):
    """What is known of the clients' losses f_i."""

    smoothness: float  # L
    gradient: float  # B
    hessian: float  # rho, Lipschitz constant of the Hessian
    gradient_noise: float = 0.0  # sigma_G, of one sample
    hessian_noise: float = 0.0  # sigma_H, of one sample
    gradient_unlike: float = 0.0  # gamma_G, over clients
    hessian_unlike: float = 0.0  # gamma_H, over clients


class Samples(NamedTuple):
    """Batch sizes of the three draws in a meta-step."""

    adapt: int  # D
    query: int  # D'
    curve: int  # D''


class Convergence(NamedTuple):
    """The four terms of the theorem; the last three up to a common unstated factor."""

    start: float  # what is left of the start's excess loss
    noise: float  # of the stochastic meta-gradients
    unlike: float  # from clients that disagree and are sampled
    bias: float  # of a meta-gradient from small batches


def smoothness(losses: Losses, alpha: float) -> float:
    """L_F of the meta-losses."""
    _check_alpha(losses, alpha)
    return 4 * losses.smoothness + alpha * losses.hessian * losses.gradient


def bias(losses: Losses, alpha: float, samples: Samples) -> float:
    """The most by which the mean of the stochastic meta-gradient misses grad F_i."""
    _check_alpha(losses, alpha)
    return 2 * alpha * losses.smoothness * losses.gradient_noise / samples.adapt**0.5


def noise(losses: Losses, alpha: float, samples: Samples) -> float:
    """sigma_F^2, the most that the squared error of the stochastic meta-gradient is on average."""
    _check_alpha(losses, alpha)
    v = losses.gradient_noise**2 * (
        1 / samples.query + (alpha * losses.smoothness) ** 2 / samples.adapt
    )
    u = (alpha * losses.hessian_noise) ** 2 / samples.curve
    b = losses.gradient**2
    return 12 * (b + v) * (1 + u / 4) - 12 * b


def dissimilarity(losses: Losses, alpha: float) -> float:
    """gamma_F^2, the most that the meta-gradients' dissimilarity is."""
    _check_alpha(losses, alpha)
    meta = losses.gradient * alpha * losses.hessian_unlike
    return 3 * meta**2 + 192 * losses.gradient_unlike**2


def convergence(
    losses: Losses,
    samples: Samples,
    *,
    alpha: float,
    beta: float,
    steps: int,
    rounds: int,
    population: int,
    share: float,
    start: float,
) -> Convergence:
    """The terms of the theorem: tau = steps, K = rounds, r = share, start = F(w_0) - F*."""
    l_f = smoothness(losses, alpha)
    if not 0 < beta <= 1 / (10 * steps * l_f):
        raise InputError(
            f"The theorem asks for 0 < beta <= 1 / (10 tau L_F) = {1 / (10 * steps * l_f):.4g}; "
            f"beta is {beta}."
        )
    if not 0 < share <= 1:
        raise InputError(f"The share of clients in a round must be in (0, 1], not {share}.")
    local = beta * l_f * steps * (steps - 1)
    sampling = (1 - share) / (share * max(1, population - 1))
    return Convergence(
        start=4 * start / (beta * steps * rounds),
        noise=beta * l_f * (1 + local) * noise(losses, alpha, samples),
        unlike=beta * l_f * dissimilarity(losses, alpha) * (sampling + local),
        bias=(alpha * losses.smoothness * losses.gradient_noise) ** 2 / samples.adapt,
    )


def _check_alpha(losses: Losses, alpha: float) -> None:
    if not 0 <= alpha * losses.smoothness <= 1:
        raise InputError(
            f"The theorem asks for 0 <= alpha <= 1 / L = {1 / losses.smoothness:.4g}; "
            f"alpha is {alpha}."
        )
