/// Rows of cells in aligned columns, two spaces from the left and from each other.
struct Table {
    enum Alignment { case left, right }

    private let alignments: [Alignment]
    private var rows: [[String]] = []

    init(_ alignments: Alignment...) {
        self.alignments = alignments
    }

    /// Adds a row, of at most as many cells as there are columns.
    mutating func add(_ cells: String...) {
        rows.append(cells)
    }

    /// The lines; `style` may colour the first column, which does not change its width.
    func lines(styleFirst: (String) -> String = { $0 }) -> [String] {
        let widths = alignments.indices.map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                let text = column == 0 ? styleFirst(cell) : cell
                line += "  " + (alignments[column] == .right ? padding + text : text + padding)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
