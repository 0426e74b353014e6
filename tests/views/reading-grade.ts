/** How hard a page is to read: the Flesch-Kincaid grade of what stands in its main part. Only whole pages of at least 100 words have a grade. */

/** @returns words counted, and the grade (8: as hard as for somebody of about 13) */
export function readingGrade(html: string): { words: number; grade: number } {
  const sentences = textOf(html).match(/[^.?!]*[.?!]+|[^.?!]+$/g) ?? []
  const told = sentences.map((sentence) => sentence.match(/\p{L}[\p{L}’'-]*/gu) ?? []).filter((words) => words.length > 0)
  const words = told.flat()
  const syllables = words.reduce((sum, word) => sum + syllablesIn(word), 0)
  return { words: words.length, grade: (0.39 * words.length) / told.length + (11.8 * syllables) / words.length - 15.59 }
}

/** A block ends a sentence, also where no full stop stands. */
function textOf(html: string): string {
  return /<main[\s\S]*<\/main>/
    .exec(html)![0]
    .replace(/<(script|svg|code|textarea|pre)[\s\S]*?<\/\1>/g, ' ')
    .replace(/<\/(p|h\d|li|dt|dd|label|legend|summary|th|td|button|a|option)>/g, '. ')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&[a-z#0-9]+;/g, '’')
    .replace(/\S+@\S+|[.]{2,}/g, ' ')
}

function syllablesIn(word: string): number {
  const small = word.toLowerCase().replace(/[^a-z]/g, '')
  const groups = small.replace(/(?:[^laeiouy]es|[^tdlaeiouy]ed|[^laeiouy]e)$/, (end) => end[0]!).match(/[aeiouy]+/g)
  return Math.max(1, groups?.length ?? 0)
}
