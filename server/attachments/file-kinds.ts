/** Which files may be sent, in words and for browsers: what the settings allow. */
import { config } from '../config.ts'
import { t } from '../web/page.ts'

/** What may be sent: "a photo (JPEG, PNG or HEIC), a PDF, a text or an office file". */
export function fileKinds(): string {
  const allowed = (...types: string[]) => types.filter((type) => config().fileTypes.includes(type))
  const photos = allowed('jpg', 'png', 'heic', 'webp', 'gif', 'tiff').map(
    (type) => PHOTO_NAMES[type] ?? type.toUpperCase(),
  )
  const groups = [
    photos.length > 0 ? t('messages:files.groups.photos', { types: photos.slice(0, 3).join(', ') }) : '',
    allowed('pdf').length > 0 ? t('messages:files.groups.pdf') : '',
    allowed('txt', 'csv').length > 0 ? t('messages:files.groups.text') : '',
    allowed('docx', 'xlsx', 'pptx', 'odt', 'ods', 'odp').length > 0 ? t('messages:files.groups.office') : '',
    allowed('dcm').length > 0 ? t('messages:files.groups.dicom') : '',
  ]
  return new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(groups.filter(Boolean))
}

/** For the field that takes files. */
export function acceptedFiles(): string {
  return config()
    .fileTypes.flatMap((type) => ACCEPT[type] ?? [`.${type}`])
    .join(',')
}

/** Without HEIC: where it is not asked for, phones and Safari make a JPEG of it, which everybody can see. */
const ACCEPT: Record<string, string[]> = {
  pdf: ['application/pdf', '.pdf'],
  jpg: ['image/jpeg'],
  png: ['image/png'],
  gif: ['image/gif'],
  webp: ['image/webp'],
  heic: [],
  tiff: ['.tif', '.tiff'],
}
const PHOTO_NAMES: Record<string, string> = { jpg: 'JPEG', webp: 'WebP' }
