//! The exponential function and the logarithm for thousands of values at once: without a branch or a call, so that a
//! compiler works out several side by side.

/// e to the power of `x`, to 10⁻⁹ of its value. Beyond ±700 it gives the value at ±700.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    const FACTORIALS: [f64; 9] = [40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0];
    power(x.clamp(-700.0, 700.0), FACTORIALS)
}

/// e to the power of `x`, to 10⁻⁵ of its value, where `x` lies between −700 and 700.
#[inline(always)]
pub(crate) fn roughly_exp(x: f64) -> f64 {
    power(x, [120.0, 24.0, 6.0, 2.0, 1.0, 1.0])
}

/// e to the power of `x` by the first terms of its series. The terms are divided by these factorials, the last term
/// first.
#[inline(always)]
fn power<const TERMS: usize>(x: f64, factorials: [f64; TERMS]) -> f64 {
    /// Adding this rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let rest = x - (rounded - ROUND) * std::f64::consts::LN_2;
    let mut sum = 0.0;
    for factorial in factorials {
        sum = sum * rest + 1.0 / factorial;
    }
    sum * f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52)
}

/// The natural logarithm of `x`, to 10⁻⁶. About −709 if `x` is 0 or subnormal; anything if `x` is negative.
#[inline(always)]
pub(crate) fn roughly_ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    /// A number made by setting the lowest bits of this one exceeds it by those bits as a whole number.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    /// ln(1 + x) ÷ x between √½ − 1 and √2 − 1, the highest power first: a fit at Chebyshev's nodes.
    const FIT: [f64; 7] = [
        0.119_310_544_4,
        -0.186_807_514_3,
        0.204_917_596_5,
        -0.249_082_891_8,
        0.333_146_738_1,
        -0.500_011_450_4,
        1.000_000_964_4,
    ];
    let bits = x.to_bits();
    // A number between 1 and 2, and the exponent of the power of 2 that it is multiplied by.
    let mantissa = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits());
    let power = f64::from_bits((bits >> 52) | WHOLE.to_bits()) - WHOLE - 1023.0;
    let is_high = mantissa > std::f64::consts::SQRT_2;
    let off = if is_high { 0.5 * mantissa } else { mantissa } - 1.0;
    let power = if is_high { power + 1.0 } else { power };
    let mut sum = 0.0;
    for coefficient in FIT {
        sum = sum * off + coefficient;
    }
    off * sum + power * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_near() {
        for tenths in -6990..6990 {
            let x = f64::from(tenths) / 10.0;
            let off = exp(x) / x.exp() - 1.0;
            assert!(off.abs() < 1e-9, "{x}: {off}");
            let off = roughly_exp(x) / x.exp() - 1.0;
            assert!(off.abs() < 1e-5, "{x}: {off}");
            let off = roughly_ln(x.exp()) - x;
            assert!(off.abs() < 1e-6, "{x}: {off}");
        }
        assert!(exp(f64::NEG_INFINITY) < 1e-300);
        assert!((-710.0..-700.0).contains(&roughly_ln(0.0)));
    }
}
