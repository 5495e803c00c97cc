/// A workload as bars: the median, with a line from quartile to quartile. Plain SVG.
struct Chart {
    private static let width = 880.0
    private static let labelWidth = 256.0
    private static let valueWidth = 150.0
    private static let rowHeight = 28.0
    private static let top = 58.0

    private let result: WorkloadResult

    init(_ result: WorkloadResult) { self.result = result }

    var svg: String {
        let metric = result.primary
        let bars = result.peers.compactMap { peer in
            peer.summary(metric).map { (peer: peer, summary: $0) }
        }
        let most = bars.map(\.summary.high).max() ?? 1
        let space = Self.width - Self.labelWidth - Self.valueWidth
        let scale = space / max(most, .leastNonzeroMagnitude)
        let height = Self.top + Self.rowHeight * Double(bars.count) + 16
        let better = metric.higherIsBetter ? "longer is better" : "shorter is better"
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(px(Self.width)) \(px(height))" \
            font-family="system-ui, sans-serif" font-size="13">
            """,
            "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
            text(16, 24, result.title, "font-size=\"16\" font-weight=\"600\" fill=\"#1f2328\""),
            text(
                16, 44, "\(metric.heading); \(better); bar: median, line: quartiles",
                "fill=\"#656d76\""),
        ]
        for (index, bar) in bars.enumerated() {
            let y = Self.top + Self.rowHeight * Double(index)
            lines += row(bar.peer, bar.summary, y: y, scale: scale)
        }
        return (lines + ["</svg>\n"]).joined(separator: "\n")
    }

    private func row(_ peer: PeerResult, _ summary: Summary, y: Double, scale: Double) -> [String] {
        let metric = result.primary
        let left = Self.labelWidth
        let end = left + summary.median * scale
        let (low, high) = (left + summary.low * scale, left + summary.high * scale)
        let middle = y + Self.rowHeight / 2
        let ratio = result.reference.flatMap { peer.ratio(to: $0, metric) }
        let value =
            metric.text(summary.median)
            + (ratio.map { "  (\($0.median.grouped(digits: 2)))" } ?? "")
        let weight = peer.peer.hasPrefix("heddle") ? " font-weight=\"600\"" : ""
        return [
            text(
                left - 10, middle + 4.5, peer.title, "text-anchor=\"end\" fill=\"#1f2328\"\(weight)"
            ),
            """
            <rect x="\(px(left))" y="\(px(y + 5))" width="\(px(max(1, end - left)))" \
            height="\(px(Self.rowHeight - 10))" rx="2" fill="\(Self.colour(of: peer.peer))"/>
            """,
            """
            <path d="M\(px(low)) \(px(middle))H\(px(high))M\(px(low)) \(px(middle - 4))v8\
            M\(px(high)) \(px(middle - 4))v8" stroke="#1f2328" stroke-width="1.2"/>
            """,
            text(max(end, high) + 8, middle + 4.5, value, "fill=\"#1f2328\"\(weight)"),
        ]
    }

    /// Heddle in its own colour, C in grey, everything else alike.
    private static func colour(of peer: String) -> String {
        if peer.hasPrefix("heddle") { return "#e8590c" }
        return peer.hasPrefix("c-") ? "#868e96" : "#74a3d4"
    }

    private func text(_ x: Double, _ y: Double, _ words: String, _ style: String) -> String {
        let escaped = words.map { character -> String in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            default: String(character)
            }
        }
        return "<text x=\"\(px(x))\" y=\"\(px(y))\" \(style)>\(escaped.joined())</text>"
    }

    private func px(_ value: Double) -> String { value.grouped(digits: 1).filter { $0 != "," } }
}
