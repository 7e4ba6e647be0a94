/// What the client prints.
enum Tables {
    /// A row for each method: the median, the 99th percentile and the longest of each driver, and how many times as
    /// long as the first driver's each other one's median is.
    static func show(_ methods: [String], _ names: [String], _ samples: [Samples]) {
        let others = names.dropFirst()
        let columns = names + others.map { "\($0) / \(names[0])" }
        print("| p50 (p99, max) |" + columns.map { " \($0) |" }.joined())
        print("|---|" + columns.map { _ in "---|" }.joined())
        for method in methods {
            let cells = samples.map { samples in
                let values = [50, 99, 100].compactMap { samples.percentile($0, of: method) }.map { text($0, 3) }
                return values.count == 3 ? " \(values[0]) (\(values[1]), \(values[2])) |" : " |"
            }
            let medians = samples.map { $0.percentile(50, of: method) }
            let ratios = medians.dropFirst().map { other in
                guard let other, let first = medians.first ?? nil else { return " |" }
                return " \(text(other / first, 1)) |"
            }
            print("| \(method) |" + cells.joined() + ratios.joined())
        }
    }

    static func text(_ value: Double, _ digits: Int) -> String {
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let rounded = Int((value * scale).rounded())
        guard digits > 0 else { return "\(rounded)" }
        let fraction = String(rounded % Int(scale))
        return "\(rounded / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
