/// Median and spread of what several rounds gave.
struct Summary {
    let median, low, high, minimum, maximum: Double

    /// - Parameter values: at least one. `low` and `high` are the quartiles.
    init(_ values: [Double]) {
        let sorted = values.sorted()
        func quantile(_ share: Double) -> Double {
            let place = share * Double(sorted.count - 1)
            let below = Int(place)
            let above = min(below + 1, sorted.count - 1)
            return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
        }
        median = quantile(0.5)
        low = quantile(0.25)
        high = quantile(0.75)
        minimum = sorted[0]
        maximum = sorted[sorted.count - 1]
    }
}
